import type { LogLine } from "./line-store.ts";

/** Where each line of a log begins, in rows of text. */
export interface Heights {
  /** Rows in all. */
  rows: number;
  topOf(index: number): number;
  /** The line at a row. */
  lineAt(row: number): number;
}

/** Lines that are not wrapped are one row each. */
export function plainHeights(count: number): Heights {
  return {
    rows: count,
    topOf: (index) => index,
    lineAt: (row) => Math.min(Math.max(0, row), Math.max(0, count - 1)),
  };
}

/** Wrapped lines, in a font whose characters are equally wide. @param extra columns that each line has before its text */
export function wrappedHeights(lines: readonly LogLine[], columns: number, extra: number): Heights {
  const tops = new Uint32Array(lines.length + 1);
  for (let index = 0; index < lines.length; index++) {
    const width = (lines[index]?.width ?? 0) + extra;
    tops[index + 1] = (tops[index] ?? 0) + Math.max(1, Math.ceil(width / columns));
  }
  return {
    rows: tops[lines.length] ?? 0,
    topOf: (index) => tops[index] ?? 0,
    lineAt(row) {
      let [low, high] = [0, Math.max(0, lines.length - 1)];
      while (low < high) {
        const middle = (low + high + 1) >> 1;
        if ((tops[middle] ?? 0) <= row) low = middle;
        else high = middle - 1;
      }
      return low;
    },
  };
}
