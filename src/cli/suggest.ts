import type { FlagTable } from "./flag.ts";

/** A longer word is no slip of the finger, and comparing costs the product of two lengths. */
const longestWord = 40;

/** The candidates that a word is most likely meant to be, three at most: the nearest, or else those it begins. */
export function suggestWords(word: string, candidates: Iterable<string>): string[] {
  if (word.length < 2 || word.length > longestWord) return [];
  const all = [...new Set(candidates)].sort();
  const allowed = word.length <= 4 ? 1 : 2;
  const distances = new Map(all.map((candidate) => [candidate, editDistance(word, candidate)]));
  const nearest = Math.min(...distances.values());
  const found =
    nearest <= allowed
      ? all.filter((candidate) => distances.get(candidate) === nearest)
      : all.filter((candidate) => word.length >= 3 && candidate.startsWith(word));
  return found.slice(0, 3);
}

/** What to say about `--name`, which is no flag of this table; "" when nothing is near. */
export function hintAtLongFlag(flags: FlagTable, name: string): string {
  const isShown = ([, flag]: [string, FlagTable[string]]) => flag.isHidden !== true;
  const shown = Object.entries(flags).filter(isShown);
  const names = shown.map(([known]) => known);
  const daemonFlag = /^default-(.+?)(-mode)?$/.exec(name);
  if (daemonFlag?.[1] !== undefined && names.includes(daemonFlag[1])) {
    return `\n\n--${name} is a flag of the daemon. Did you mean --${daemonFlag[1]}?`;
  }
  const near = suggestWords(name, names).map((known) => `--${known}`);
  const shorts = new Set(shown.map(([, flag]) => flag.short));
  const isShorts = name.length > 0 && name.length <= 4 && [...name].every((letter) => shorts.has(letter));
  return formatSuggestions(isShorts ? [`-${name}`] : near);
}

/** As `hintAtLongFlag`, for a whole word such as `-name=x` of which one letter is no flag. */
export function hintAtShortFlags(flags: FlagTable, word: string): string {
  const [name = ""] = word.slice(1).split("=");
  return formatSuggestions(name.length > 1 && Object.hasOwn(flags, name) ? [`--${name}`] : []);
}

/** Goes between the message and the usage line, as Docker's own library for commands has it. */
export const formatSuggestions = (suggestions: readonly string[]): string =>
  suggestions.length === 0
    ? ""
    : `\n\nDid you mean ${suggestions.length === 1 ? "this" : "one of these"}?\n${suggestions.map((text) => `\t${text}`).join("\n")}`;

/** Letters added, left out, replaced, or swapped with the next one. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row[j] = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (isSame ? 0 : 1),
        isSwap ? (beforeLast[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY,
      );
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
