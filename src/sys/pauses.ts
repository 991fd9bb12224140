import { setImmediate } from "node:timers/promises";

/** Lets others have the thread now and then, in a loop over what may be ten thousands. */
export interface Pauses {
  take(): Promise<void>;
}

const longestMilliseconds = 4;

export function createPauses(): Pauses {
  let begun = performance.now();
  return {
    async take() {
      if (performance.now() - begun < longestMilliseconds) return;
      await setImmediate();
      begun = performance.now();
    },
  };
}

/** Many things that are made one after the other, a millisecond's worth at a time; who takes them pauses in between. */
export type Slices<T> = AsyncIterable<readonly T[]>;

const sliceMilliseconds = 1;

/** What `make` makes of each that it makes something of, in the same order. */
export async function* inSlices<T, R>(
  items: Iterable<T>,
  make: (item: T) => R | undefined,
): AsyncGenerator<readonly R[]> {
  let slice: R[] = [];
  let begun = performance.now();
  for (const item of items) {
    const made = make(item);
    if (made !== undefined) slice.push(made);
    if (performance.now() - begun < sliceMilliseconds) continue;
    yield slice;
    slice = [];
    begun = performance.now();
  }
  if (slice.length > 0) yield slice;
}

/** The same things, each changed. */
export async function* mapSlices<T, R>(
  slices: Slices<T>,
  change: (slice: readonly T[]) => readonly R[],
): AsyncGenerator<readonly R[]> {
  for await (const slice of slices) yield change(slice);
}

/** What `map` makes of each, in the same order, with pauses; at most `atOnce` of them wait for something at a time. */
export async function mapWithPauses<T, R>(
  items: Iterable<T>,
  map: (item: T) => Promise<R> | R,
  atOnce = 1,
): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...items].entries();
  const pauses = createPauses();
  const lane = async () => {
    for (const [place, item] of waiting) {
      await pauses.take();
      results[place] = await map(item);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return results;
}
