/** How fast something comes, from what it says of itself now and then. */
export interface TransferRate {
  /** Takes note of how far it is. @returns bytes a second; undefined until enough was seen */
  note(currentBytes: number): number | undefined;
}

/** Long enough to be steady, short enough to follow. */
const windowMilliseconds = 5000;
const leastMilliseconds = 500;

/** @param now milliseconds, for tests */
export function createTransferRate(now: () => number = () => performance.now()): TransferRate {
  let seen: { at: number; bytes: number }[] = [];
  return {
    note(bytes) {
      const at = now();
      // From the beginning again: this is the progress of another phase.
      if (bytes < (seen.at(-1)?.bytes ?? 0)) seen = [];
      seen.push({ at, bytes });
      while (seen.length > 2 && at - (seen[0]?.at ?? at) > windowMilliseconds) seen.shift();
      const first = seen[0];
      if (!first || at - first.at < leastMilliseconds || bytes <= first.bytes) return undefined;
      return ((bytes - first.bytes) * 1000) / (at - first.at);
    },
  };
}
