import {
  type Answer,
  decode,
  encode,
  type OptAnswer,
  type Packet,
  type Question,
  RECURSION_AVAILABLE,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
} from "dns-packet";
import type { Found } from "./lookup.ts";

/** Response codes, RFC 1035 4.1.1. */
export const responseCode = {
  noError: 0,
  formatError: 1,
  serverFailure: 2,
  nameError: 3,
  notImplemented: 4,
  refused: 5,
} as const;

/** A query with its one question. */
export interface DnsQuery {
  id: number;
  question: Question;
  /** The largest answer that the client takes over UDP, in bytes. */
  largestBytes: number;
  hasEdns: boolean;
  isRecursive: boolean;
}

export const headerBytes = 12;
/** What every client takes over UDP, RFC 1035 2.3.4. */
const leastBytes = 512;
/** What we say we take, and the most we send, over UDP. */
const mostBytes = 4096;
/**
 * A container's address can change from one moment to the next, and asking again costs it a tenth of a millisecond. Docker says 600,
 * by which nginx goes on for ten minutes to ask one that is gone.
 */
const ttlSeconds = 5;
/** Transfers of zones, RFC 5936: an answer in many messages, which no container's resolver asks for. */
const refusedTypes = ["AXFR", "IXFR"];

/**
 * Reads a query.
 * @returns a response code for one that cannot be looked up; undefined for what is to be dropped: a response, or less than a header
 */
export function parseQuery(bytes: Buffer): DnsQuery | number | undefined {
  if (bytes.length < headerBytes || isResponse(bytes)) return undefined;
  if ((bytes.readUInt8(2) >> 3) & 15) return responseCode.notImplemented;
  let packet: Packet;
  try {
    packet = decode(bytes);
  } catch {
    return responseCode.formatError;
  }
  const [question, ...others] = packet.questions ?? [];
  if (!question || others.length > 0) return responseCode.formatError;
  if (refusedTypes.includes(question.type)) return responseCode.refused;
  const edns = packet.additionals?.find((record): record is OptAnswer => record.type === "OPT");
  return {
    id: packet.id ?? 0,
    question,
    largestBytes: Math.min(Math.max(edns?.udpPayloadSize ?? leastBytes, leastBytes), mostBytes),
    hasEdns: edns !== undefined,
    isRecursive: ((packet.flags ?? 0) & RECURSION_DESIRED) !== 0,
  };
}

/**
 * Answers a query that was looked up here.
 * @param turn which of several addresses comes first
 */
export function encodeAnswer(
  query: DnsQuery,
  found: Exclude<Found, { kind: "elsewhere" }>,
  turn: number,
): Buffer {
  const { id, question, isRecursive, hasEdns } = query;
  const code = found.kind === "nonexistent" ? responseCode.nameError : responseCode.noError;
  return encode({
    type: "response",
    id,
    flags: RECURSION_AVAILABLE | (isRecursive ? RECURSION_DESIRED : 0) | code,
    questions: [question],
    answers: recordsOf(question.name, found, turn),
    additionals: hasEdns ? [ednsRecord] : [],
  });
}

const ednsRecord: OptAnswer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: mostBytes,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
};

function recordsOf(name: string, found: Found, turn: number): Answer[] {
  const common = { name, ttl: ttlSeconds, class: "IN" } as const;
  if (found.kind === "name") return [{ ...common, type: "PTR", data: found.name }];
  if (found.kind !== "addresses") return [];
  const { addresses, family } = found;
  const first = turn % addresses.length;
  const inTurn = [...addresses.slice(first), ...addresses.slice(0, first)];
  return inTurn.map((data) => ({ ...common, type: family === 4 ? "A" : "AAAA", data }));
}

/** An answer of a code alone, with the query's question where there is one. */
export function encodeFailure(query: Buffer, code: number): Buffer {
  const parsed = parseQuery(query);
  const isQuery = typeof parsed === "object";
  return encode({
    type: "response",
    id: query.readUInt16BE(0),
    flags: (query.readUInt16BE(2) & (0x7800 | RECURSION_DESIRED)) | code,
    questions: isQuery ? [parsed.question] : [],
    additionals: isQuery && parsed.hasEdns ? [ednsRecord] : [],
  });
}

/** As much of an answer as goes over UDP: when it is too large, its head alone, by which the client asks again over TCP. */
export function fitAnswer(query: DnsQuery, answer: Buffer): Buffer {
  if (answer.length <= query.largestBytes) return answer;
  const { id, question, hasEdns } = query;
  const flags = answer.readUInt16BE(2) | TRUNCATED_RESPONSE;
  const additionals = hasEdns ? [ednsRecord] : [];
  return encode({ type: "response", id, flags, questions: [question], additionals });
}

export const isResponse = (bytes: Buffer) => (bytes.readUInt8(2) & 0x80) !== 0;
export const idOf = (bytes: Buffer) => bytes.readUInt16BE(0);
export const codeOf = (bytes: Buffer) => bytes.readUInt8(3) & 15;

/** The same message with another id. */
export function withId(bytes: Buffer, id: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(id, 0);
  return copy;
}

/** Whether a response is to this query: it repeats id and question. */
export function doesAnswer(response: Buffer, query: Buffer): boolean {
  if (response.length < headerBytes || !isResponse(response) || idOf(response) !== idOf(query)) return false;
  const asked = parseQuestion(query);
  const repeated = parseQuestion(response);
  // A server that cannot read the query may leave the question out.
  if (!repeated) return codeOf(response) !== responseCode.noError;
  return (
    asked !== undefined &&
    asked.type === repeated.type &&
    asked.name.toLowerCase() === repeated.name.toLowerCase()
  );
}

/** Of the message's beginning alone: what follows is the client's to read. */
function parseQuestion(bytes: Buffer): Question | undefined {
  if (bytes.readUInt16BE(4) !== 1) return undefined;
  const head = Buffer.from(bytes);
  head.fill(0, 6, headerBytes);
  try {
    return decode(head).questions?.[0];
  } catch {
    return undefined;
  }
}
