/**
 * Docker's order of names: numbers among them by what they are worth, and before all else; the rest character by character. Of
 * equal numbers the one with fewer zeros before it comes first.
 */
export function compareNaturally(a: string, b: string): number {
  const [those, others] = [piecesOf(a), piecesOf(b)];
  for (const [index, piece] of those.entries()) {
    const other = others[index];
    if (other === undefined) return 1;
    const difference = comparePieces(piece, other);
    if (difference !== 0) return difference;
  }
  return those.length - others.length;
}

/** Each number is one, and each other character. */
const piecesOf = (text: string): string[] => text.match(/\d+|\D/gu) ?? [];

const isNumber = (piece: string) => /^\d/.test(piece);
const compareText = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

function comparePieces(a: string, b: string): number {
  if (isNumber(a) !== isNumber(b)) return isNumber(a) ? -1 : 1;
  if (!isNumber(a)) return compareText(a, b);
  const [digits, others] = [a.replace(/^0+/, ""), b.replace(/^0+/, "")];
  return digits.length - others.length || compareText(digits, others) || a.length - b.length;
}
