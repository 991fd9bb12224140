import { invalid } from "../errors.ts";
import { trim } from "./blanks.ts";
import type { CommandForm, Range } from "./instructions.ts";
import type { Statement } from "./statements.ts";

/** What every instruction has. */
export interface Located {
  keyword: string;
  source: string;
  range: Range;
  comment?: string;
}

export function locate(statement: Statement): Located {
  const { keyword, line, range, comments } = statement;
  return {
    keyword: keyword.toUpperCase(),
    source: trim(line),
    range,
    ...(comments.length > 0 && { comment: comments.join("\n") }),
  };
}

/** @throws EngineError invalid */
export function someArguments(statement: Statement): string[] {
  if (statement.args.length > 0) return statement.args;
  throw invalid(`${statement.keyword.toUpperCase()} requires at least one argument`);
}

/** @throws EngineError invalid */
export function oneArgument(statement: Statement): string {
  const [argument, ...others] = statement.args;
  if (argument !== undefined && others.length === 0) return argument;
  throw invalid(`${statement.keyword.toUpperCase()} requires exactly one argument`);
}

/** Of the arguments after `skipped` ones. */
export function readCommand(statement: Statement, skipped = 0): CommandForm {
  const args = statement.args.slice(skipped);
  if (statement.isJson) return { form: "exec", args };
  return { form: "shell", text: args.join(" "), heredocs: statement.heredocs };
}

/** What a comment says of a name: the line that begins with it. */
export function describe(name: string, comments: readonly string[]): string | undefined {
  if (name === "") return undefined;
  const prefix = `${name} `;
  return comments.find((comment) => comment.startsWith(prefix))?.slice(prefix.length);
}
