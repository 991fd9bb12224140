import { invalid } from "../errors.ts";

/** What an extraction may remember of an archive's names until its end: an archive of zeros' size can hold any number. */
export interface NameMemory {
  /** @throws invalid when it is full */
  take(nameBytes: number): void;
}

/** Room for more than a million names as they are in honest archives. */
const mostBytes = 256 * 1024 * 1024;
/** What a name costs beside its bytes. */
const overheadBytes = 128;

export function createNameMemory(): NameMemory {
  let leftBytes = mostBytes;
  return {
    take(nameBytes) {
      leftBytes -= nameBytes + overheadBytes;
      if (leftBytes < 0) throw invalid("invalid archive: too many directories or deletions");
    },
  };
}
