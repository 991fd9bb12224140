import { isSpace, trim, trimStart } from "./blanks.ts";
import type { Dockerfile } from "./instructions.ts";
import { DockerfileError, linesRange } from "./parse-error.ts";

interface Directive {
  name: "syntax" | "escape" | "check";
  value: string;
}

/** Reads directives line by line, until a line is none. */
export class DirectiveReader {
  escape: Dockerfile["escape"] = "\\";
  readonly #seen = new Set<string>();
  #isOver = false;

  /** @returns whether the line is a directive. @throws DockerfileError for the second of a kind, or an escape that cannot be */
  read(line: string, number: number): boolean {
    const directive = this.#isOver ? undefined : parseDirective(line, "#");
    if (!directive) {
      this.#isOver = true;
      return false;
    }
    const { name, value } = directive;
    const range = linesRange(number, number);
    if (this.#seen.has(name))
      throw new DockerfileError(`only one ${name} parser directive can be used`, range);
    this.#seen.add(name);
    if (name !== "escape") return true;
    if (value !== "\\" && value !== "`")
      throw new DockerfileError(`invalid escape token '${value}' does not match \` or \\`, range);
    this.escape = value;
    return true;
  }
}

/** Of a line without white space in front. */
function parseDirective(line: string, comment: string): Directive | undefined {
  if (!line.startsWith(comment)) return undefined;
  const text = trimStart(line.slice(comment.length));
  const equals = text.indexOf("=");
  const name = trim(text.slice(0, Math.max(0, equals))).toLowerCase();
  const value = trim(text.slice(equals + 1));
  if (name !== "syntax" && name !== "escape" && name !== "check") return undefined;
  return value === "" ? undefined : { name, value };
}

/**
 * The frontend that a file asks for, in any of the forms that BuildKit reads: `# syntax=`, `// syntax=` or a JSON object's `syntax`,
 * after a line `#!` or not. Files for other frontends need not be Dockerfiles.
 */
export function findSyntax(text: string): Dockerfile["syntax"] {
  const found = findDirective("syntax", text, "#") ?? findDirective("syntax", text, "//");
  if (found) return { reference: found.value, range: found.range };
  const [body, skipped] = skipShebang(text);
  const reference = jsonSyntax(body);
  return reference === undefined ? undefined : { reference, range: linesRange(skipped + 1, skipped + 1) };
}

/** `# check=`. */
export function findCheck(text: string): Dockerfile["check"] {
  return findDirective("check", text, "#");
}

/** Its value up to a blank. */
function findDirective(name: Directive["name"], text: string, comment: string): Dockerfile["check"] {
  const [body, skipped] = skipShebang(text);
  let number = skipped;
  for (let start = 0; start < body.length; ) {
    const end = body.indexOf("\n", start);
    const directive = parseDirective(body.slice(start, end < 0 ? undefined : end), comment);
    if (!directive) return undefined;
    number++;
    if (directive.name === name)
      return { value: directive.value.split(" ")[0]!, range: linesRange(number, number) };
    start = end < 0 ? body.length : end + 1;
  }
  return undefined;
}

function jsonSyntax(text: string): string | undefined {
  if (!isObjectStart(text)) return undefined;
  try {
    const { syntax } = JSON.parse(text);
    return typeof syntax === "string" ? syntax : undefined;
  } catch {
    return undefined;
  }
}

function isObjectStart(text: string): boolean {
  let at = 0;
  while (at < text.length && isSpace(text.charCodeAt(at))) at++;
  return text[at] === "{";
}

/** What comes after a first line `#!`. */
function skipShebang(text: string): [body: string, lines: number] {
  const whole = text.startsWith("\ufeff") ? text.slice(1) : text;
  if (!whole.startsWith("#!")) return [whole, 0];
  const end = whole.indexOf("\n");
  return [end < 0 ? "" : whole.slice(end + 1), 1];
}
