import { invalid } from "../errors.ts";
import { type GlobSet, parseGlobSet } from "./glob.ts";

/**
 * A pattern of .dockerignore: a shell pattern in which `**` is any text, directories and all. It is followed through a text one
 * character at a time, in all the ways it could fit at once, so that the time is in proportion to pattern times text.
 */
export interface DeepGlob {
  /** Which of the path and the directories that it is in fit, by the lengths of their names. */
  findFits(path: string): ReadonlySet<number>;
  /** The pattern may fit something within that directory. */
  mayFitBelow(directory: string): boolean;
}

/** One character, or `*`, `**` at the end, or `**` with something behind it: nothing, or directories. */
type Element =
  | { kind: "any" | "star" | "all" | "directories" }
  | ({ kind: "set" } & GlobSet)
  | { kind: "literal"; character: string };

/** Where the pattern may have got to: before an element, or within directories. The elements' number stands for the end. */
type Places = Set<number>;

/** @param pattern cleaned. @throws EngineError invalid when it is malformed */
export function compileDeepGlob(pattern: string): DeepGlob {
  const elements = parse([...pattern]);
  const suffix = literalSuffix(pattern, elements);
  return {
    findFits(path) {
      const fits = new Set<number>();
      if (suffix === undefined) follow(elements, path, fits);
      else for (const end of endsOf(path)) if (endsWith(path.slice(0, end), suffix)) fits.add(end);
      return fits;
    },
    mayFitBelow: (directory) => suffix !== undefined || follow(elements, `${directory}/`).size > 0,
  };
}

/** Of `**` in front of plain text, which need not be the beginning of a name: `**.go` is `a.go`. */
function literalSuffix(pattern: string, elements: readonly Element[]): string | undefined {
  const isPlain = elements.slice(1).every(({ kind }) => kind === "literal");
  if (!pattern.startsWith("**") || !isPlain || pattern.includes("\\")) return undefined;
  return pattern.slice(2);
}

const endsWith = (path: string, suffix: string) => path.endsWith(suffix) || `/${path}` === suffix;

/** The lengths of the names of the directories on the way, and of the path. */
export function endsOf(path: string): number[] {
  const ends: number[] = [];
  for (let slash = path.indexOf("/"); slash >= 0; slash = path.indexOf("/", slash + 1)) ends.push(slash);
  ends.push(path.length);
  return ends;
}

/** @param fits gets where the pattern has come to its end. @returns where it has got to after the text */
function follow(elements: readonly Element[], text: string, fits?: Set<number>): Places {
  const end = elements.length * 2;
  let places: Places = new Set();
  arrive(elements, places, 0);
  let at = 0;
  for (const character of text) {
    if (character === "/" && places.has(end)) fits?.add(at);
    at += character.length;
    const next: Places = new Set();
    for (const place of places) step(elements, next, place, character);
    places = next;
    if (places.size === 0) break;
  }
  if (places.has(end)) fits?.add(text.length);
  return places;
}

/** What stands for nothing as well is passed at once. */
function arrive(elements: readonly Element[], places: Places, index: number): void {
  let at = index;
  places.add(at * 2);
  while (["star", "all", "directories"].includes(elements[at]?.kind ?? "")) places.add(++at * 2);
}

function step(elements: readonly Element[], next: Places, place: number, character: string): void {
  const index = place >> 1;
  const element = elements[index];
  if (!element) return;
  if (element.kind === "directories") {
    next.add(index * 2 + 1);
    if (character === "/") arrive(elements, next, index + 1);
  } else if (element.kind === "all" || (element.kind === "star" && character !== "/"))
    arrive(elements, next, index);
  else if (fits(element, character)) arrive(elements, next, index + 1);
}

function fits(element: Element, character: string): boolean {
  if (element.kind === "literal") return element.character === character;
  if (element.kind !== "set") return element.kind === "any" && character !== "/";
  return element.ranges.some(([low, high]) => low <= character && character <= high) !== element.negated;
}

function parse(characters: readonly string[]): Element[] {
  const elements: Element[] = [];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === "*" && characters[at + 1] === "*") {
      at += characters[at + 2] === "/" ? 2 : 1;
      elements.push({ kind: at + 1 < characters.length ? "directories" : "all" });
    } else if (character === "*") elements.push({ kind: "star" });
    else if (character === "?") elements.push({ kind: "any" });
    else if (character === "[") {
      const { end, ...set } = parseGlobSet(characters, at + 1);
      elements.push({ kind: "set", ...set });
      at = end;
    } else if (character === "\\") elements.push(literal(characters[++at] ?? malformed()));
    else elements.push(literal(character));
  }
  return elements;
}

const literal = (character: string): Element => ({ kind: "literal", character });

function malformed(): never {
  throw invalid("syntax error in pattern");
}
