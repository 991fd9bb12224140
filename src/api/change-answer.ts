import { mapSlices, type Slices } from "../sys/pauses.ts";

/** An answer without some of its members. */
export function without<T extends object>(answer: T, ...names: (keyof T)[]): T {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => !names.includes(name as keyof T))) as T;
}

/** Changes each element of a list that is made as it is sent. */
export function eachOf<T, R>(slices: Slices<T> | null, change: (one: T) => R): Slices<R> | null {
  return slices && mapSlices(slices, (slice) => slice.map(change));
}
