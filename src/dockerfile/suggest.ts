/** The first option nearest to the word, when it is fewer than three changes away; undefined for a word that is an option. */
export function findNearest(word: string, options: readonly string[]): string | undefined {
  if (options.includes(word)) return undefined;
  let nearest: string | undefined;
  let least = 3;
  for (const option of options) {
    if (Math.abs(option.length - word.length) >= least) continue;
    const distance = countChanges(word, option);
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

/** The Levenshtein distance. */
function countChanges(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
