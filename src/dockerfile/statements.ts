import { isSpace, splitAll, splitOnce, trim, trimStart } from "./blanks.ts";
import { DirectiveReader } from "./directives.ts";
import { readHeredocs } from "./heredocs.ts";
import type { Dockerfile, Heredoc, Range } from "./instructions.ts";
import { LineReader, type LogicalLine, readLogicalLine } from "./lines.ts";
import { DockerfileError, linesRange } from "./parse-error.ts";
import { readPairs, splitQuoted, takeFlags } from "./split-quoted.ts";

/**
 * An instruction of a Dockerfile, taken apart: which of the ways there are to write arguments is a matter of its keyword, what they
 * mean is not asked yet.
 */
export interface Statement {
  /** As written. */
  keyword: string;
  flags: string[];
  args: string[];
  /** The arguments were written as a JSON array. */
  isJson: boolean;
  /** Of ENV and LABEL: without the equals sign. */
  isLegacy?: boolean;
  /** Of ONBUILD. */
  trigger?: Statement;
  heredocs: Heredoc[];
  /** The instruction's own text. */
  line: string;
  range: Range;
  /** The last one before the heredocs. */
  lastLine: number;
  comments: string[];
  /** A line within it was empty. */
  hasGap: boolean;
}

type Arguments = Pick<Statement, "args" | "isJson" | "isLegacy" | "trigger">;
type Escape = Dockerfile["escape"];

/** @throws DockerfileError for what cannot be taken apart */
export function readStatements(text: string): { statements: Statement[]; escaper: Escape } {
  const lines = new LineReader(text);
  const directives = new DirectiveReader();
  const statements: Statement[] = [];
  for (;;) {
    const line = readLogicalLine(lines, directives);
    if (!line) break;
    const statement = readStatement(line.text, line, directives.escape);
    if (canHoldHeredocs(statement)) statement.heredocs = readHeredocs(line, lines);
    statement.range = linesRange(line.start, lines.number);
    statements.push(statement);
  }
  if (statements.length === 0) {
    const message = text === "" ? "the Dockerfile cannot be empty" : "file with no instructions";
    throw new DockerfileError(message, text === "" ? undefined : linesRange(lines.number, lines.number));
  }
  return { statements, escaper: directives.escape };
}

function readStatement(text: string, line: LogicalLine, escaper: Escape): Statement {
  const [keyword, more = ""] = splitOnce(trim(text));
  const { flags, rest } = takeFlags(more);
  const { start, end, comments, hasGap } = line;
  const range = linesRange(start, end);
  try {
    const read = grammars.get(keyword.toLowerCase()) ?? readNothing;
    const args = read(trim(rest), escaper, line);
    return { keyword, flags, ...args, heredocs: [], line: text, range, lastLine: end, comments, hasGap };
  } catch (error) {
    if (error instanceof DockerfileError) throw error;
    if (error instanceof ArgumentError) throw new DockerfileError(error.message, range);
    throw error;
  }
}

/** Its place is the whole instruction. */
class ArgumentError extends Error {}

function canHoldHeredocs(statement: Statement): boolean {
  const inner = statement.trigger ?? statement;
  return ["add", "copy", "run"].includes(inner.keyword.toLowerCase()) && !inner.isJson;
}

type Grammar = (text: string, escaper: Escape, line: LogicalLine) => Arguments;

const listed = (args: string[]): Arguments => ({ args, isJson: false });
const readNothing: Grammar = () => listed([]);
const readText: Grammar = (text) => listed(text === "" ? [] : [text]);
const readSplit: Grammar = (text) => listed(text === "" ? [] : splitAll(text));
const readJsonOr =
  (otherwise: Grammar): Grammar =>
  (text, escaper, line) => {
    const args = readJson(text);
    return args ? { args, isJson: true } : otherwise(text, escaper, line);
  };

const grammars = new Map<string, Grammar>([
  ["add", readJsonOr(readSplit)],
  ["arg", (text, escaper) => listed(splitQuoted(text, escaper))],
  ["cmd", readJsonOr(readText)],
  ["copy", readJsonOr(readSplit)],
  ["entrypoint", readJsonOr(readText)],
  ["env", (text, escaper) => readPairsOf("ENV", text, escaper)],
  ["expose", readSplit],
  ["from", readSplit],
  ["healthcheck", readHealthCheck],
  ["label", (text, escaper) => readPairsOf("LABEL", text, escaper)],
  ["maintainer", readText],
  ["onbuild", readTrigger],
  ["run", readJsonOr(readText)],
  ["shell", readJsonOr(readText)],
  ["stopsignal", readText],
  ["user", readText],
  ["volume", readJsonOr(readSplit)],
  ["workdir", readText],
]);

/** In lower case. */
export const keywords: readonly string[] = [...grammars.keys()];

function readPairsOf(keyword: string, text: string, escaper: Escape): Arguments {
  const args = readPairs(keyword, text, escaper);
  if (typeof args === "string") throw new ArgumentError(args);
  const isLegacy = args.length === 2 && !text.startsWith(`${args[0]}=`);
  return { args, isJson: false, isLegacy };
}

function readHealthCheck(text: string, escaper: Escape, line: LogicalLine): Arguments {
  let end = 0;
  while (end < text.length && !isSpace(text.charCodeAt(end))) end++;
  if (end === 0) return listed([]);
  const { args, isJson } = readJsonOr(readText)(trimStart(text.slice(end)), escaper, line);
  return { args: [text.slice(0, end), ...args], isJson };
}

function readTrigger(text: string, escaper: Escape, line: LogicalLine): Arguments {
  if (text === "") return listed([]);
  // A chain of them is refused: there is no need to follow it.
  if (splitOnce(text)[0].toLowerCase() === "onbuild") return listed(["ONBUILD"]);
  const trigger = readStatement(text, line, escaper);
  return { args: [trigger.keyword, ...trigger.args], isJson: false, trigger };
}

/** @returns undefined for what is no JSON array: a shell may make something of it */
function readJson(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  let items: unknown[];
  try {
    items = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!items.every((item) => typeof item === "string"))
    throw new ArgumentError("when using JSON array syntax, arrays must be comprised of strings only");
  return items.map((item) => item.toWellFormed());
}
