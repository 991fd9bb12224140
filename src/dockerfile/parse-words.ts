import { invalid } from "../errors.ts";
import { locate, oneArgument, someArguments } from "./arguments.ts";
import { trim } from "./blanks.ts";
import { readFlags } from "./flags.ts";
import type { Expose, Instruction, Maintainer, StopSignal, Workdir } from "./instructions.ts";
import type { Statement } from "./statements.ts";

export function parseWorkdir(statement: Statement): Workdir {
  return { ...locate(statement), kind: "workdir", path: oneWord(statement) };
}

export function parseUser(statement: Statement): Extract<Instruction, { kind: "user" }> {
  return { ...locate(statement), kind: "user", user: oneWord(statement) };
}

export function parseMaintainer(statement: Statement): Maintainer {
  return { ...locate(statement), kind: "maintainer", author: oneWord(statement) };
}

function oneWord(statement: Statement): string {
  const word = oneArgument(statement);
  readFlags(statement.flags, {});
  return word;
}

/** Flags are ignored, as BuildKit does. */
export function parseStopSignal(statement: Statement): StopSignal {
  return { ...locate(statement), kind: "stopsignal", signal: oneArgument(statement) };
}

export function parseExpose(statement: Statement): Expose {
  const ports = someArguments(statement).toSorted(compareBytes);
  readFlags(statement.flags, {});
  return { ...locate(statement), kind: "expose", ports };
}

const compareBytes = (one: string, other: string): number => (one < other ? -1 : one > other ? 1 : 0);

export function parseVolume(statement: Statement): Extract<Instruction, { kind: "volume" }> {
  const paths = someArguments(statement).map(trim);
  readFlags(statement.flags, {});
  if (paths.includes("")) throw invalid("VOLUME specified can not be an empty string");
  return { ...locate(statement), kind: "volume", paths };
}
