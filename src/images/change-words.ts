import { invalid } from "../errors.ts";

/** What a variable stands for; undefined when unset. */
export type Lookup = (name: string) => string | undefined;

/**
 * Splits the arguments of a Dockerfile instruction at blanks, takes quotes and backslashes away, and puts variables in:
 * `$NAME`, `${NAME}`, `${NAME:-otherwise}`, `${NAME:+instead}`; not in single quotes.
 * @throws invalid for an open quote or brace
 */
export function splitWords(text: string, lookup: Lookup): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at);
    if (quote === "" && /\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (char === quote) quote = "";
    else if (quote === "" && (char === '"' || char === "'")) {
      quote = char;
      word ??= "";
    } else if (char === "\\" && quote !== "'" && isEscape(text.charAt(at + 1), quote)) {
      word = (word ?? "") + text.charAt(++at);
    } else if (char === "$" && quote !== "'") {
      const { value, end } = readVariable(text, at, lookup);
      word = (word ?? "") + value;
      at = end - 1;
    } else word = (word ?? "") + char;
  }
  if (quote) throw invalid("unexpected end of statement while looking for matching quote");
  if (word !== undefined) words.push(word);
  return words;
}

function isEscape(next: string, quote: string): boolean {
  return next !== "" && (quote === "" || next === '"' || next === "\\" || next === "$");
}

function readVariable(text: string, start: number, lookup: Lookup): { value: string; end: number } {
  const plain = /^\$(\w+)/.exec(text.slice(start));
  if (plain?.[1]) return { value: lookup(plain[1]) ?? "", end: start + plain[0].length };
  if (text.charAt(start + 1) !== "{") return { value: "$", end: start + 1 };
  const braced = /^\$\{(\w+)(?::([-+])([^}]*))?\}/.exec(text.slice(start));
  if (!braced)
    throw invalid(`failed to process ${JSON.stringify(text)}: unsupported modifier or missing brace`);
  const [whole, name = "", operator, other = ""] = braced;
  const value = lookup(name);
  const end = start + whole.length;
  if (operator === "-") return { value: value || other, end };
  if (operator === "+") return { value: value ? other : "", end };
  return { value: value ?? "", end };
}
