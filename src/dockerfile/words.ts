import { EngineError, invalid } from "../errors.ts";
import { quoteGo } from "../formats/go-template/go-template-printf.ts";
import { isSpace } from "./blanks.ts";
import { replacePattern, trimPrefix, trimSuffix } from "./shell-pattern.ts";

/*
 * What becomes of a word of a Dockerfile when its variables are known: quotes and escapes go, `$name` and `${name…}` are replaced.
 * Not of RUN, CMD, ENTRYPOINT and HEALTHCHECK CMD, which are the shell's.
 */

/** The value of a variable; undefined when it has none. */
export type Variables = (name: string) => string | undefined;

export interface ExpandOptions {
  /** As the Dockerfile's directive says. */
  escape: "\\" | "`";
  /** Quotes stay where they are, and still count. */
  keepsQuotes?: boolean;
  /** Escapes stay where they are, and still count. */
  keepsEscapes?: boolean;
  /** What names an unset variable stays as it is. */
  keepsUnset?: boolean;
  /** Quotes are characters like any other: in a heredoc. */
  ignoresQuotes?: boolean;
}

export interface Expansion {
  text: string;
  /** Variables that had a value. */
  used: Set<string>;
  /** Variables that had none. */
  unset: Set<string>;
}

/** A word that doubles from line to line ends here: the kernel takes no longer variable. A heredoc's content may be longer. */
const longestWord = 1 << 17;
const longestContent = 1 << 22;
const deepestNesting = 100;

/** @throws EngineError invalid, in BuildKit's words, when the syntax is wrong or `${name:?message}` fails */
export function expand(word: string, lookup: Variables, options: ExpandOptions): Expansion {
  return expandInto(undefined, word, lookup, options);
}

function expandInto(
  words: Words | undefined,
  word: string,
  lookup: Variables,
  options: ExpandOptions,
): Expansion {
  const state: State = { ...options, word, at: 0, lookup, used: new Set(), unset: new Set(), depth: 0 };
  try {
    const text = readUntil(state, undefined, options.keepsEscapes === true, words);
    return { text, used: state.used, unset: state.unset };
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw invalid(`failed to process ${quoteGo(shorten(word))}: ${error.message}`, error);
  }
}

/** The same variables; the names of those without a value are collected. */
export function collectUnset(lookup: Variables, unset: Set<string>): Variables {
  return (name) => {
    const value = lookup(name);
    if (value === undefined) unset.add(name);
    return value;
  };
}

/** As `expand`, as one text. */
export function expandWord(word: string, lookup: Variables, options: ExpandOptions): string {
  return expand(word, lookup, options).text;
}

/** For a message. */
const shorten = (word: string): string => (word.length > 1000 ? `${word.slice(0, 1000)}…` : word);

function checkLength({ ignoresQuotes }: State, text: string): void {
  const longest = ignoresQuotes ? longestContent : longestWord;
  if (text.length > longest) throw invalid(`a word is longer than ${longest} characters`);
}

/** As `expand`, as none, one or several words: split at white space that is neither quoted nor escaped. */
export function expandWords(word: string, lookup: Variables, options: ExpandOptions): string[] {
  const words = new Words();
  expandInto(words, word, lookup, options);
  return words.finish();
}

interface State extends ExpandOptions {
  word: string;
  at: number;
  lookup: Variables;
  used: Set<string>;
  unset: Set<string>;
  depth: number;
}

/** Collects words: white space between them counts only where it is not raw. */
class Words {
  readonly #done: string[] = [];
  #word = "";

  add(text: string): void {
    for (const character of text) {
      if (!isSpace(character.charCodeAt(0))) this.#word += character;
      else this.#end();
    }
  }

  addRaw(text: string): void {
    this.#word += text;
  }

  finish(): string[] {
    this.#end();
    return this.#done;
  }

  #end(): void {
    if (this.#word !== "") this.#done.push(this.#word);
    this.#word = "";
  }
}

function readUntil(state: State, stop: string | undefined, keepsEscapes: boolean, words?: Words): string {
  const before = state.keepsEscapes;
  state.keepsEscapes = keepsEscapes;
  let text = "";
  while (state.at < state.word.length) {
    const character = state.word[state.at]!;
    if (character === stop) {
      state.at++;
      state.keepsEscapes = before;
      return text;
    }
    if (character === "$") {
      const value = readDollar(state);
      text += value;
      words?.add(value);
    } else if (!state.ignoresQuotes && (character === "'" || character === '"')) {
      const value = character === "'" ? readSingleQuoted(state) : readDoubleQuoted(state);
      text += value;
      words?.addRaw(value);
    } else if (character === state.escape) {
      const value = (keepsEscapes ? character : "") + (state.word[state.at + 1] ?? "");
      state.at += 2;
      text += value;
      words?.addRaw(value);
    } else {
      state.at++;
      text += character;
      words?.add(character);
    }
    checkLength(state, text);
  }
  if (stop !== undefined) throw invalid(`unexpected end of statement while looking for matching ${stop}`);
  return text;
}

function readSingleQuoted(state: State): string {
  const end = state.word.indexOf("'", state.at + 1);
  if (end < 0) {
    state.at = state.word.length;
    throw invalid("unexpected end of statement while looking for matching single-quote");
  }
  const text = state.word.slice(state.at + 1, end);
  state.at = end + 1;
  return state.keepsQuotes ? `'${text}'` : text;
}

function readDoubleQuoted(state: State): string {
  let text = "";
  state.at++;
  while (state.at < state.word.length) {
    const character = state.word[state.at]!;
    if (character === '"') {
      state.at++;
      return state.keepsQuotes ? `"${text}"` : text;
    }
    if (character === "$") text += readDollar(state);
    else if (character === state.escape) {
      const next = state.word[state.at + 1];
      const isEscape = next === '"' || next === "$" || next === state.escape;
      if (state.keepsEscapes) text += character;
      if (isEscape) text += next;
      // Whatever else follows, the escape is a character like any other.
      else if (next !== undefined) text += character;
      state.at += isEscape ? 2 : 1;
    } else {
      text += character;
      state.at++;
    }
    checkLength(state, text);
  }
  throw invalid("unexpected end of statement while looking for matching double-quote");
}

function readDollar(state: State): string {
  state.at++;
  if (state.word[state.at] !== "{") {
    const name = readName(state);
    if (name === "") return "$";
    const value = find(state, name);
    return value ?? (state.keepsUnset ? `$${name}` : "");
  }
  state.at++;
  if (state.at >= state.word.length) throw invalid("syntax error: missing '}'");
  if ("{}:".includes(state.word[state.at]!)) throw invalid("syntax error: bad substitution");
  if (++state.depth > deepestNesting)
    throw invalid(`substitutions are nested more than ${deepestNesting} deep`);
  const text = readBraced(state);
  state.depth--;
  return text;
}

function readBraced(state: State): string {
  const name = readName(state);
  const modifier = take(state);
  if (modifier === "}") return find(state, name) ?? (state.keepsUnset ? `\${${name}}` : "");
  if (modifier === "/") return readReplacement(state, name);
  if (modifier === ":") return readModified(state, name, take(state), true);
  if ("+-?#%".includes(modifier)) return readModified(state, name, modifier, false);
  throw invalid(`unsupported modifier (${modifier}) in substitution`);
}

function readModified(state: State, name: string, modifier: string, isEmptyUnset: boolean): string {
  const written = (isEmptyUnset ? ":" : "") + modifier;
  const isPattern = modifier === "#" || modifier === "%";
  const word = readPart(state, "}", isPattern, "syntax error: missing '}'");
  const value = find(state, name);
  if (value === undefined && state.keepsUnset) return `\${${name}${written}${word}}`;
  const isMissing = value === undefined || (isEmptyUnset && value === "");
  if (modifier === "-") return isMissing ? word : value;
  if (modifier === "+") return isMissing ? "" : word;
  if (modifier === "?") {
    if (!isMissing) return value;
    throw invalid(`${name}: ${word || `is not allowed to be ${value === undefined ? "unset" : "empty"}`}`);
  }
  if (!isPattern) throw invalid(`unsupported modifier (${written}) in substitution`);
  const isLongest = word.startsWith(modifier);
  const pattern = isLongest ? word.slice(1) : word;
  return (modifier === "#" ? trimPrefix : trimSuffix)(pattern, value ?? "", isLongest);
}

function readReplacement(state: State, name: string): string {
  const isAll = state.word[state.at] === "/";
  if (isAll) state.at++;
  const pattern = readPart(state, "/", true, `syntax error: missing '/' in $\{}`);
  const replacement = readPart(state, "}", true, "syntax error: missing '}'");
  const value = find(state, name);
  if (value === undefined && state.keepsUnset)
    return `\${${name}${isAll ? "//" : "/"}${pattern}/${replacement}}`;
  return replacePattern(pattern, value ?? "", replacement, isAll);
}

/** What stands before `stop`. What is wrong in it counts for less than that the end is missing. */
function readPart(state: State, stop: string, keepsEscapes: boolean, missing: string): string {
  try {
    return readUntil(state, stop, keepsEscapes);
  } catch (error) {
    if (error instanceof EngineError && state.at >= state.word.length) throw invalid(missing);
    throw error;
  }
}

/** Go's name of no character at all. */
const take = (state: State): string => {
  const character = String.fromCodePoint(state.word.codePointAt(state.at) ?? 0xfffd);
  state.at += character.length;
  return character;
};

const letter = /^[\p{L}\p{Nd}_]$/u;
const digit = /^\p{Nd}$/u;

/** Letters, digits and underscores; or digits; or one of the shell's special parameters. */
function readName(state: State): string {
  const start = state.at;
  const first = characterAt(state);
  if ("@*#?-$!".includes(first) && first !== "") state.at++;
  else {
    const fits = digit.test(first) ? digit : letter;
    for (let next = first; fits.test(next); next = characterAt(state)) state.at += next.length;
  }
  return state.word.slice(start, state.at);
}

function characterAt({ word, at }: State): string {
  const code = word.codePointAt(at);
  return code === undefined ? "" : String.fromCodePoint(code);
}

function find(state: State, name: string): string | undefined {
  const value = state.lookup(name);
  (value === undefined ? state.unset : state.used).add(name);
  return value;
}
