import { messageOf } from "../errors.ts";
import { formatSize } from "../formats/units.ts";
import type { Logger } from "../logger.ts";
import type { Storage } from "./storage.ts";
import { sweepUploads } from "./sweep.ts";

/** What clients leave behind that were cut off: a push that is tried again begins a new upload. */
export interface UploadSweep {
  /** Removes what is old now, and goes on to do so. */
  begin(): void;
  close(): Promise<void>;
}

/** As long as the CNCF's registry leaves them. */
const lifeMilliseconds = 7 * 24 * 3600_000;
/** Each time all repositories are looked through, which costs money in a bucket. */
const pauseMilliseconds = 24 * 3600_000;

export function createUploadSweep(storage: Storage, logger: Logger): UploadSweep {
  const closing = new AbortController();
  const whileOpen: Storage = {
    ...storage,
    async list(folder) {
      closing.signal.throwIfAborted();
      return storage.list(folder);
    },
  };
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  async function sweep(): Promise<void> {
    try {
      const cutoff = new Date(Date.now() - lifeMilliseconds);
      for await (const { key, sizeBytes } of sweepUploads(whileOpen, { cutoff, isDryRun: false }))
        logger.info({ upload: key, size: formatSize(sizeBytes) }, "removed an upload that was given up");
    } catch (error) {
      if (!closing.signal.aborted)
        logger.warn({ error: messageOf(error) }, "looking for uploads that were given up failed");
    }
  }

  function sweepOnce(): void {
    running ??= sweep().finally(() => {
      running = undefined;
    });
  }

  return {
    begin() {
      sweepOnce();
      timer = setInterval(sweepOnce, pauseMilliseconds).unref();
    },
    async close() {
      closing.abort();
      clearInterval(timer);
      await running;
    },
  };
}
