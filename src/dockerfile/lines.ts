import { isSpace, trim, trimStart } from "./blanks.ts";
import type { DirectiveReader } from "./directives.ts";
import { DockerfileError, linesRange } from "./parse-error.ts";

/** One instruction, joined from the lines that it was written on. Lines count from 1. */
export interface LogicalLine {
  text: string;
  start: number;
  end: number;
  /** Without `#`; an empty comment takes those above it away. */
  comments: string[];
  /** A line within it was empty. */
  hasGap: boolean;
}

/** In bytes, with its end. */
const longestLine = 65_535;

/** Takes the lines of a file one after the other, with their ends. */
export class LineReader {
  /** Of the line that was read last. */
  number = 0;
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.startsWith("\ufeff") ? text.slice(1) : text;
  }

  /** @throws DockerfileError when it is longer than BuildKit takes */
  next(): string | undefined {
    if (this.#at >= this.#text.length) return undefined;
    const end = this.#text.indexOf("\n", this.#at);
    const line = this.#text.slice(this.#at, end < 0 ? undefined : end + 1);
    this.#at += line.length;
    this.number++;
    if (line.length * 3 > longestLine && Buffer.byteLength(line) > longestLine) {
      const message = `dockerfile line greater than max allowed size of ${longestLine}`;
      throw new DockerfileError(message, linesRange(this.number, this.number));
    }
    return line;
  }
}

/** @returns undefined at the end of the file. @throws DockerfileError of the directives */
export function readLogicalLine(lines: LineReader, directives: DirectiveReader): LogicalLine | undefined {
  let comments: string[] = [];
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const text = trimStart(trimNewline(line));
    const isDirective = directives.read(text, lines.number);
    if (text.startsWith("#")) {
      if (isDirective) continue;
      // BuildKit takes the first character of the line, even when white space is in front of the comment.
      const comment = trim(line.slice(1));
      if (comment === "") comments = [];
      else comments.push(comment);
      continue;
    }
    const escaper = directives.escape;
    const first = cutContinuation(text, escaper);
    if (first === undefined && text === "") continue;
    const start = lines.number;
    const rest = first === undefined ? { parts: [], hasGap: false } : readContinued(lines, escaper);
    const joined = (first ?? text) + rest.parts.join("");
    return { text: joined, start, end: lines.number, comments, hasGap: rest.hasGap };
  }
  return undefined;
}

function readContinued(lines: LineReader, escaper: string): { parts: string[]; hasGap: boolean } {
  const parts: string[] = [];
  let hasGap = false;
  for (let line = lines.next(); line !== undefined; line = lines.next()) {
    const text = trimNewline(line);
    const first = firstOf(text);
    if (first === "#") continue;
    if (first === undefined) {
      hasGap = true;
      continue;
    }
    const cut = cutContinuation(text, escaper);
    parts.push(cut ?? text);
    if (cut === undefined) break;
  }
  return { parts, hasGap };
}

/** The first character that is no white space. */
function firstOf(text: string): string | undefined {
  for (let at = 0; at < text.length; at++) if (!isSpace(text.charCodeAt(at))) return text[at];
  return undefined;
}

/** Without the escape character at the end, which an escape in front of it makes a character like any other. */
function cutContinuation(text: string, escaper: string): string | undefined {
  let end = text.length;
  while (end > 0 && (text[end - 1] === " " || text[end - 1] === "\t")) end--;
  if (text[end - 1] !== escaper || text[end - 2] === escaper) return undefined;
  return text.slice(0, end - 1);
}

export function trimNewline(line: string): string {
  let end = line.length;
  while (end > 0 && (line[end - 1] === "\n" || line[end - 1] === "\r")) end--;
  return line.slice(0, end);
}
