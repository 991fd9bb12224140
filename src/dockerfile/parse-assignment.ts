import { invalid } from "../errors.ts";
import { describe, locate, someArguments } from "./arguments.ts";
import { readFlags } from "./flags.ts";
import type { Arg, Env, KeyValue, Label } from "./instructions.ts";
import type { Statement } from "./statements.ts";

export function parseEnv(statement: Statement): Env {
  return { ...locate(statement), kind: "env", pairs: readKeyValues(statement) };
}

export function parseLabel(statement: Statement): Label {
  return { ...locate(statement), kind: "label", pairs: readKeyValues(statement) };
}

function readKeyValues(statement: Statement): KeyValue[] {
  readFlags(statement.flags, {});
  const args = someArguments(statement);
  const pairs: KeyValue[] = [];
  for (let at = 0; at < args.length; at += 2) {
    const key = args[at]!;
    if (key === "") throw blankName(statement);
    pairs.push({ key, value: args[at + 1]! });
  }
  return pairs;
}

/** Flags are ignored, as BuildKit does. */
export function parseArg(statement: Statement): Arg {
  const args = someArguments(statement).map((word) => {
    const equals = word.indexOf("=");
    if (equals === 0) throw blankName(statement);
    const name = equals < 0 ? word : word.slice(0, equals);
    const comment = describe(name, statement.comments);
    return {
      name,
      ...(equals > 0 && { value: word.slice(equals + 1) }),
      ...(comment !== undefined && { comment }),
    };
  });
  return { ...locate(statement), kind: "arg", args };
}

const blankName = (statement: Statement) =>
  invalid(`${statement.keyword.toUpperCase()} names can not be blank`);
