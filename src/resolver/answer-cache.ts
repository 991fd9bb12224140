import type { DnsTransport } from "./ask-server.ts";
import { idOf, withId } from "./message.ts";

/** The answers to one question, which differ in the order of the addresses. */
interface Turns {
  answers: (Buffer | undefined)[];
  turn: number;
  encode(turn: number): Buffer;
}

/**
 * Answers as they were sent, by asker and the bytes of the question: to read one and to write the other takes ten times as long as to
 * find them here. Whatever changes a name forgets them all.
 */
export interface AnswerCache {
  find(asker: object, query: Buffer, transport: DnsTransport): Buffer | undefined;
  /**
   * Keeps how a question is answered. @returns the first answer
   * @param count of different answers
   */
  keep(asker: object, query: Buffer, transport: DnsTransport, count: number, encode: Turns["encode"]): Buffer;
}

/** Of one asker, which may ask for ever new names. */
const mostQuestions = 256;
const mostTurns = 16;
const idBytes = 2;

/** @param version another number once anything has changed that answers depend on */
export function createAnswerCache(version: () => number): AnswerCache {
  let known = new WeakMap<object, Map<string, Turns>>();
  let knownVersion = version();

  const keyOf = (query: Buffer, transport: DnsTransport) => transport + query.toString("latin1", idBytes);

  function take(turns: Turns, query: Buffer): Buffer {
    const at = turns.turn++ % turns.answers.length;
    const answer = turns.answers[at] ?? turns.encode(at);
    turns.answers[at] = answer;
    return withId(answer, idOf(query));
  }

  function questionsOf(asker: object): Map<string, Turns> {
    if (knownVersion !== version()) {
      known = new WeakMap();
      knownVersion = version();
    }
    const questions = known.get(asker) ?? new Map<string, Turns>();
    known.set(asker, questions);
    return questions;
  }

  return {
    find(asker, query, transport) {
      const turns = questionsOf(asker).get(keyOf(query, transport));
      return turns && take(turns, query);
    },
    keep(asker, query, transport, count, encode) {
      const turns: Turns = { answers: Array.from({ length: Math.max(1, count) }), turn: 0, encode };
      const questions = questionsOf(asker);
      if (questions.size === mostQuestions) questions.clear();
      if (count <= mostTurns) questions.set(keyOf(query, transport), turns);
      return take(turns, query);
    },
  };
}
