/** How many characters may still be compared for suggestions. */
export interface Comparisons {
  left: number;
}

/** For one message, or for all that a linter says of one file: a large one has a million names, and as many that are not known. */
export const newComparisons = (): Comparisons => ({ left: 1 << 20 });

/** A longer word is no slip of the finger. */
const longestWord = 256;

/**
 * The first option nearest to the word, when it is fewer than three changes away; undefined for a word that is an option.
 * @param comparisons options count for nothing once they are used up
 */
export function findNearest(
  word: string,
  options: Iterable<string>,
  comparisons = newComparisons(),
): string | undefined {
  if (word.length > longestWord) return undefined;
  let nearest: string | undefined;
  let least = 3;
  for (const option of options) {
    if (option === word) return undefined;
    if (comparisons.left-- <= 0) break;
    if (Math.abs(option.length - word.length) >= least) continue;
    comparisons.left -= option.length;
    const distance = countChanges(word, option, least);
    if (distance >= least) continue;
    nearest = option;
    least = distance;
  }
  return nearest;
}

/** Adds the option that was probably meant: ` (did you mean from?)`. */
export function suggest(message: string, word: string, options: readonly string[]): string {
  const nearest = findNearest(word, options);
  return nearest === undefined ? message : `${message} (did you mean ${nearest}?)`;
}

/** The same for what may be written in either case: the suggestion is in the case of the word. */
export function suggestInCase(message: string, word: string, options: readonly string[]): string {
  const nearest = findNearest(word.toLowerCase(), options);
  if (nearest === undefined) return message;
  const isUpper = word !== word.toLowerCase() && word === word.toUpperCase();
  return `${message} (did you mean ${isUpper ? nearest.toUpperCase() : nearest}?)`;
}

/**
 * The Levenshtein distance, or `limit` where it is no less. Then only what is nearer to the diagonal than that counts.
 * The lengths differ by less than the limit.
 */
function countChanges(from: string, to: string, limit: number): number {
  const reach = limit - 1;
  // At `reach` is the diagonal; next to it what is one character more or less of `to`.
  let row = Array.from({ length: 2 * reach + 1 }, (_, at) => (at < reach ? limit : at - reach));
  for (let i = 1; i <= from.length; i++) {
    const next: number[] = [];
    for (const [at, above] of row.entries()) {
      const j = i + at - reach;
      const replaced = above + (from[i - 1] === to[j - 1] ? 0 : 1);
      const least = Math.min(replaced, (row[at + 1] ?? limit) + 1, (next[at - 1] ?? limit) + 1);
      next.push(j < 0 || j > to.length ? limit : Math.min(least, limit));
    }
    if (next.every((changes) => changes === limit)) return limit;
    row = next;
  }
  return row[to.length - from.length + reach]!;
}
