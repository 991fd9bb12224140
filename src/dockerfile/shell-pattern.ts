import { invalid } from "../errors.ts";

/*
 * The patterns of `${name#pattern}` and its relations: `*` is any text within a line, `?` one character. POSIX has brackets as well;
 * BuildKit takes them as they stand.
 */

const any = Symbol("any character");
/** Without a star in it. */
type Segment = (string | typeof any)[];
/** What stands between the stars: `a*b` has two segments, `*` two empty ones. */
type Pattern = Segment[];

/** More comparisons than an honest pattern needs on a value as long as may be. */
const mostSteps = 50_000_000;

interface Search {
  pattern: Pattern;
  text: string[];
  stepsLeft: number;
}

/** What is left of the value without the shortest or longest beginning that fits. */
export function trimPrefix(pattern: string, value: string, isLongest: boolean): string {
  const search = begin(parsePattern(pattern), [...value]);
  const end = matchAt(search, 0, isLongest);
  return end < 0 ? value : search.text.slice(end).join("");
}

/** The same from the end. */
export function trimSuffix(pattern: string, value: string, isLongest: boolean): string {
  const backwards = parsePattern(pattern)
    .map((segment) => segment.reverse())
    .reverse();
  const search = begin(backwards, [...value].reverse());
  const end = matchAt(search, 0, isLongest);
  return end < 0 ? value : search.text.slice(end).reverse().join("");
}

/** The longest text that fits at the first place where one does is replaced, or such texts at all places. */
export function replacePattern(pattern: string, value: string, replacement: string, isAll: boolean): string {
  const search = begin(parsePattern(pattern), [...value]);
  const { text } = search;
  let result = "";
  let copied = 0;
  for (let at = 0; at <= text.length; ) {
    const end = matchAt(search, at, true);
    if (end < 0) {
      at = Math.max(at + 1, -end);
      continue;
    }
    result += text.slice(copied, at).join("");
    // Nothing is no match of its own directly behind another one.
    if (end > copied || at === 0) result += replacement;
    copied = end;
    if (!isAll) break;
    at = Math.max(at + 1, end);
  }
  return result + text.slice(copied).join("");
}

const begin = (pattern: Pattern, text: string[]): Search => ({ pattern, text, stepsLeft: mostSteps });

/** Where the match at `start` ends; when there is none, the negative of the next place where one might begin. */
function matchAt(search: Search, start: number, isLongest: boolean): number {
  const { pattern, text } = search;
  if (!fits(search, pattern[0]!, start)) return -(start + 1);
  let at = start + pattern[0]!.length;
  for (const [index, segment] of pattern.slice(1).entries()) {
    const isLast = index === pattern.length - 2;
    const found = find(search, segment, at, isLast && isLongest);
    if (found === undefined) {
      const lineEnd = text.indexOf("\n", at);
      return -(lineEnd < 0 ? text.length + 1 : lineEnd + 1);
    }
    at = found + segment.length;
  }
  return at;
}

/** The first or last place of a segment, as far as a star reaches. */
function find(search: Search, segment: Segment, from: number, isLast: boolean): number | undefined {
  let found: number | undefined;
  for (let at = from; at + segment.length <= search.text.length; at++) {
    if (fits(search, segment, at)) {
      found = at;
      if (!isLast) break;
    }
    if (search.text[at] === "\n") break;
  }
  return found;
}

function fits(search: Search, segment: Segment, at: number): boolean {
  if (at + segment.length > search.text.length) return false;
  for (const [index, wanted] of segment.entries()) {
    if (--search.stepsLeft < 0) throw invalid("a pattern in a substitution takes too long to match");
    const character = search.text[at + index];
    if (wanted === any ? character === "\n" : wanted !== character) return false;
  }
  search.stepsLeft--;
  return true;
}

function parsePattern(pattern: string): Pattern {
  const characters = [...pattern];
  let segment: Segment = [];
  const segments = [segment];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*") {
      segment = [];
      segments.push(segment);
    } else if (character === "?") segment.push(any);
    else if (character !== "\\") segment.push(character);
    // The end of a substitution needs the escape that the pattern does not.
    else if (characters[at + 1] !== "}" && characters[at + 1] !== "/") {
      const escaped = characters[++at];
      if (escaped !== "*" && escaped !== "?" && escaped !== "\\")
        throw invalid(
          `invalid pattern (${pattern}) in substitution: invalid escape '\\${escaped ?? "\ufffd"}'`,
        );
      segment.push(escaped);
    }
  }
  return segments;
}
