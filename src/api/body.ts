import { EngineError, invalid, messageOf } from "../errors.ts";
import { isCheapJson } from "../formats/json.ts";
import { decode, type Shape } from "../formats/shape.ts";

/**
 * A web page can send any other type across sites without asking, but not this one.
 * @throws EngineError invalid in Docker's words
 */
export function checkContentType(header: string | undefined, hasBody: boolean): void {
  if (header === undefined && !hasBody) return;
  const [type = ""] = (header ?? "").split(";");
  if (type.trim() === "")
    throw invalid(`malformed Content-Type header (${header ?? ""}): mime: no media type`);
  if (type.trim().toLowerCase() !== "application/json")
    throw invalid(`unsupported Content-Type header (${type.trim()}): must be 'application/json'`);
}

/** @param root name of the struct that messages show. @throws EngineError invalid in the words of Go's encoding/json */
export function readBody<T>(shape: Shape<T>, text: string, root: string): T {
  if (!isCheapJson(text)) throw invalid("invalid JSON: too many values, or nested too deep");
  const value = parse(text);
  try {
    return decode(shape, value, root);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalid(`invalid JSON: ${error.message}`, error);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(explain(messageOf(error), text), error);
  }
}

/** What V8 misses, and how Go says what it found there. */
const complaints: [v8: string, go: string][] = [
  ["Expected property name", "looking for beginning of object key string"],
  ["Expected double-quoted property name", "looking for beginning of object key string"],
  ["Expected ':' after property name", "after object key"],
  ["Expected ',' or ']'", "after array element"],
  ["Expected ',' or '}'", "after object key:value pair"],
  ["Unexpected token", "looking for beginning of value"],
];

function explain(message: string, text: string): string {
  const [, position] = / at position (\d+)/.exec(message) ?? [];
  const [, token] = /^Unexpected token '(.+?)'/su.exec(message) ?? [];
  const isAtEnd = position !== undefined && Number(position) >= text.trimEnd().length;
  if (isAtEnd || /^Unexpected end|^Unterminated/.test(message)) return "invalid JSON: unexpected EOF";
  if (message.startsWith("Unexpected non-whitespace")) return "unexpected content after JSON";
  const [, go] = complaints.find(([v8]) => message.startsWith(v8)) ?? [];
  const found = token ?? text[Number(position)];
  return `invalid JSON: ${go && found ? `invalid character '${found === "'" ? "\\'" : found}' ${go}` : message}`;
}
