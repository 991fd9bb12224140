import type { Logger } from "../logger.ts";

const retryMilliseconds = 1000;

/** Changes that could not be stored for now, most likely since the disk is full; tried again until they are. */
export interface Unsaved {
  /** Tries at once, and again later while that fails. A later change of the same key replaces an earlier one. */
  attempt(key: string, change: () => void): void;
  /** What was stored at once replaces it too. */
  drop(key: string): void;
  /** Ends the trying, with a last attempt. */
  close(): void;
}

export function createUnsaved(logger: Logger): Unsaved {
  const changes = new Map<string, () => void>();
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;

  function flush(): void {
    timer = undefined;
    for (const [key, change] of changes) {
      if (!isDone(change)) break;
      changes.delete(key);
    }
    if (changes.size > 0 && !isClosed) timer = setTimeout(flush, retryMilliseconds);
    else if (changes.size === 0) logger.warn("all changes are stored again");
  }

  function isDone(change: () => void): boolean {
    try {
      change();
      return true;
    } catch (error) {
      logger.debug({ error }, "a change could not be stored");
      return false;
    }
  }

  return {
    attempt(key, change) {
      changes.delete(key);
      if (isDone(change) || isClosed) return;
      if (changes.size === 0)
        logger.warn("changes cannot be stored (is the disk full or read-only?); they are tried again");
      changes.set(key, change);
      timer ??= setTimeout(flush, retryMilliseconds);
    },
    drop: (key) => void changes.delete(key),
    close() {
      isClosed = true;
      clearTimeout(timer);
      if (changes.size > 0) flush();
    },
  };
}
