import { invalid } from "../errors.ts";

/** One element of a pattern: a literal character, any character, a set of them, or a run of any. */
type Element = { kind: "any" | "star" } | ({ kind: "set" } & GlobSet) | string;

/**
 * Compiles a shell pattern by the rules of Go's path.Match: `*` and `?` match anything but a slash, `[a-z]` and `[^a-z]` one
 * character, and a backslash takes the next character as it is. The test takes time in proportion to pattern times text.
 * @throws EngineError invalid when the pattern is malformed
 */
export function compileGlob(pattern: string): (text: string) => boolean {
  const elements = parseGlob(pattern);
  return (text) => matches(elements, [...text]);
}

function matches(elements: readonly Element[], text: readonly string[]): boolean {
  let at = 0;
  let element = 0;
  // Only the last star can still take more: a longer match of an earlier one could not help.
  let star = -1;
  let starEnd = 0;
  while (at < text.length) {
    const wanted = elements[element];
    if (wanted !== undefined && isStar(wanted)) {
      star = element++;
      starEnd = at;
    } else if (wanted !== undefined && fits(wanted, text[at]!)) {
      element++;
      at++;
    } else if (star >= 0 && text[starEnd] !== "/") {
      element = star + 1;
      at = ++starEnd;
    } else return false;
  }
  return elements.slice(element).every(isStar);
}

function isStar(element: Element): boolean {
  return typeof element === "object" && element.kind === "star";
}

function fits(element: Element, character: string): boolean {
  if (typeof element === "string") return element === character;
  if (character === "/") return false;
  if (element.kind !== "set") return element.kind === "any";
  return element.ranges.some(([low, high]) => low <= character && character <= high) !== element.negated;
}

function parseGlob(pattern: string): Element[] {
  const characters = [...pattern];
  const elements: Element[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*") elements.push({ kind: "star" });
    else if (character === "?") elements.push({ kind: "any" });
    else if (character === "[") {
      const { end, ...set } = parseGlobSet(characters, at + 1);
      elements.push({ kind: "set", ...set });
      at = end;
    } else if (character === "\\") elements.push(characters[++at] ?? malformed());
    else elements.push(character);
  }
  return elements;
}

/** The characters of `[…]`: all but these, where it is negated. */
export interface GlobSet {
  negated: boolean;
  ranges: [low: string, high: string][];
}

/**
 * @param start of what follows the bracket
 * @returns with `end`, where the closing one is
 * @throws EngineError invalid when the set is malformed
 */
export function parseGlobSet(characters: readonly string[], start: number): GlobSet & { end: number } {
  const negated = characters[start] === "^";
  const ranges: GlobSet["ranges"] = [];
  let at = negated ? start + 1 : start;
  const take = (): string => {
    if (characters[at] === "-" || characters[at] === "]") malformed();
    if (characters[at] === "\\") at++;
    return characters[at++] ?? malformed();
  };
  while (characters[at] !== "]" || ranges.length === 0) {
    const low = take();
    const isRange = characters[at] === "-";
    if (isRange) at++;
    ranges.push([low, isRange ? take() : low]);
  }
  return { negated, ranges, end: at };
}

function malformed(): never {
  throw invalid("syntax error in pattern");
}
