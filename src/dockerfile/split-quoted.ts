import { quoteGo } from "../formats/go-template/go-template-printf.ts";
import { isSpace, splitOnce } from "./blanks.ts";

/** Splits at white space that is neither quoted nor escaped. Quotes and escapes stay. */
export function splitQuoted(text: string, escaper: string): string[] {
  const words: string[] = [];
  let word = "";
  let hasQuotes = false;
  let quote: string | undefined;
  const end = () => {
    if (hasQuotes || word !== "") words.push(word);
    word = "";
    hasQuotes = false;
  };
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (quote === undefined && isSpace(character.charCodeAt(0))) end();
    else if (character === escaper && quote !== "'") {
      // At the end it is left out, and ends a quotation.
      if (at + 1 < text.length) word += character + text[++at];
    } else {
      if (character === quote) quote = undefined;
      else if (quote === undefined && (character === "'" || character === '"')) {
        quote = character;
        hasQuotes = true;
      }
      word += character;
    }
  }
  end();
  return words;
}

/**
 * Takes the words in front that begin with `--`, without their quotes and escapes.
 * @returns what comes after them, or after a word `--`
 */
export function takeFlags(text: string): { flags: string[]; rest: string } {
  const flags: string[] = [];
  let at = 0;
  while (at < text.length) {
    while (at < text.length && isSpace(text.charCodeAt(at))) at++;
    if (!text.startsWith("--", at)) return { flags, rest: text.slice(at) };
    const { word, end } = readFlag(text, at);
    at = end;
    if (word === "--") return { flags, rest: text.slice(at) };
    flags.push(word);
  }
  return { flags, rest: "" };
}

function readFlag(text: string, start: number): { word: string; end: number } {
  let word = "";
  let quote: string | undefined;
  let at = start;
  for (; at < text.length; at++) {
    const character = text[at]!;
    if (quote === undefined && isSpace(character.charCodeAt(0))) break;
    if (character === quote) quote = undefined;
    else if (quote === undefined && (character === "'" || character === '"')) quote = character;
    else if (character === "\\") word += text[++at] ?? "";
    else word += character;
  }
  return { word, end: at };
}

/**
 * Of ENV and LABEL: `name=value …`, or one name and its value with a blank between them.
 * @returns names and values in turn, or what is wrong
 */
export function readPairs(keyword: string, text: string, escaper: string): string[] | string {
  const words = splitQuoted(text, escaper);
  if (words.length === 0) return [];
  if (!words[0]!.includes("=")) {
    const [name, value] = splitOnce(text);
    return value === undefined ? `${keyword} must have two arguments` : [name, value];
  }
  const wrong = words.find((word) => !word.includes("="));
  if (wrong !== undefined)
    return `Syntax error - can't find = in ${quoteGo(wrong)}. Must be of the form: name=value`;
  return words.flatMap((word) => {
    const equals = word.indexOf("=");
    return [word.slice(0, equals), word.slice(equals + 1)];
  });
}
