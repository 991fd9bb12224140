import type { Readable } from "node:stream";
import { unavailable } from "../../errors.ts";
import { createJobPipes } from "../../sys/job-pipes.ts";
import { createJobRunner } from "../../sys/jobs.ts";
import { decompress } from "../../trees/decompress.ts";
import type { CacheMounts } from "./cache-mounts.ts";
import type { CacheMountRecord } from "./record.ts";

/** Descriptors in a job stay the caller's to close. */
export type CacheMountJob =
  | { kind: "export"; directory: string; outputFd: number }
  | { kind: "import"; directory: string; inputFd: number };

/** Cache mounts as archives: out of one engine, into another. */
export interface MountTransfers {
  /** A tar of what is in it, its own directory first. @throws notFound; conflict while a step has it */
  export(id: string, signal?: AbortSignal): Readable;
  /**
   * A new one of that name with what a tar has, compressed or not. It is there in full or not at all.
   * @param replaces others of that name go
   * @throws conflict for one that is there, or in use; invalid for what is no archive; internal when the disk is full
   */
  import(name: string, input: Readable, replaces: boolean): Promise<CacheMountRecord>;
  close(): Promise<void>;
}

/** A job lasts as long as its client reads or sends. */
const threads = 4;

export function createMountTransfers(mounts: CacheMounts): MountTransfers {
  const runner = createJobRunner<CacheMountJob, void>("build/cache/mounts.worker", threads);
  const pipes = createJobPipes(runner);
  return {
    export(id, signal) {
      const mount = mounts.borrow(id);
      try {
        const stream = pipes.read(
          (outputFd) => ({ kind: "export", directory: mount.path, outputFd }),
          signal,
        );
        return stream.once("close", mount.close);
      } catch (error) {
        mount.close();
        throw error;
      }
    },
    import: (name, input, replaces) =>
      mounts.add(name, replaces, async (directory) => {
        const { output } = await decompress(input);
        await pipes.write(output, (inputFd) => ({ kind: "import", directory, inputFd }));
      }),
    async close() {
      pipes.destroy(unavailable("the engine is shutting down"));
      await runner.close();
    },
  };
}
