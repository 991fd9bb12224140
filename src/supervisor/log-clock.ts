import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { disorderPath, formatDisorder, parseDisorder, slackMilliseconds } from "../formats/log-disorder.ts";
import { nowMilliseconds } from "../formats/timestamp.ts";

/** The kernel's clock for the times of files goes in steps of that, and may be as much behind. */
const coarseMilliseconds = 10;

/** The times that a log's entries get. What is noted of their order is there before such an entry is. */
export class LogClock {
  readonly #path: string;
  #disorder: number;
  /** At most: no entry has a later time. */
  #latest: number;

  /**
   * @param path the log's
   * @param lastWritten when, by the clock of then; undefined for a log that is empty. Milliseconds since the epoch
   */
  constructor(path: string, lastWritten: number | undefined) {
    this.#path = disorderPath(path);
    this.#disorder = lastWritten === undefined ? 0 : readDisorder(this.#path);
    this.#latest = lastWritten === undefined ? 0 : lastWritten + coarseMilliseconds + this.#disorder;
  }

  /** Milliseconds since the epoch. */
  now(): number {
    const now = nowMilliseconds();
    if (now >= this.#latest) this.#latest = now;
    else if (this.#latest - now > this.#disorder + slackMilliseconds) this.#note(this.#latest - now);
    return now;
  }

  #note(disorder: number): void {
    const fresh = `${this.#path}.new`;
    try {
      writeFileSync(fresh, formatDisorder(disorder), { mode: 0o640 });
      renameSync(fresh, this.#path);
      this.#disorder = disorder;
    } catch {
      // On a full disk, say, where the entries are dropped as well: the next one tries again.
    }
  }
}

function readDisorder(path: string): number {
  try {
    return parseDisorder(readFileSync(path, "utf8"));
  } catch {
    return 0;
  }
}
