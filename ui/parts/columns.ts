import type { ComponentChildren } from "preact";

export interface Column<Row> {
  name: string;
  title: string;
  /** Pixels at least. */
  width: number;
  /** Its part of the room that is left. */
  grow?: number;
  /** What is narrow shows only the columns of the lowest ranks. */
  rank: number;
  isNumber?: boolean;
  cell(row: Row): ComponentChildren;
  compare?(a: Row, b: Row): number;
}

export interface Sorting {
  column: string;
  isDown: boolean;
}

/** As many as there is room for, in their own order. */
export function chooseColumns<R>(columns: readonly Column<R>[], width: number): readonly Column<R>[] {
  const byRank = [...columns].sort((a, b) => a.rank - b.rank);
  const chosen = new Set<Column<R>>();
  let used = 0;
  for (const column of byRank) {
    used += column.width;
    if (used > width && chosen.size > 1) break;
    chosen.add(column);
  }
  return columns.filter((column) => chosen.has(column));
}

export const gridOf = <R>(columns: readonly Column<R>[]) =>
  columns
    .map(({ width, grow }) => (grow ? `minmax(${Math.min(width, 120)}px, ${grow}fr)` : `${width}px`))
    .join(" ");

export function sortRows<R>(
  rows: readonly R[],
  columns: readonly Column<R>[],
  sorting: Sorting,
): readonly R[] {
  const compare = columns.find(({ name }) => name === sorting.column)?.compare;
  if (!compare) return rows;
  return [...rows].sort(sorting.isDown ? (a, b) => compare(b, a) : compare);
}

const collator = new Intl.Collator(undefined, { numeric: true });

/** "app-2" before "app-10". */
export const compareText = (a: string, b: string) => collator.compare(a, b);
