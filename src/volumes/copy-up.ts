import { readdir } from "node:fs/promises";
import type { IdPair } from "../formats/id-mapping.ts";
import { createJobRunner } from "../sys/jobs.ts";

/** One copy, as the worker gets it. */
export interface CopyJob {
  /** Layers of the image, topmost first. */
  imageDirectories: string[];
  /** Path in the image. */
  destination: string;
  /** Directory of the volume. */
  target: string;
  /** The owners become what they are in a user namespace: for a volume whose own are not mapped. */
  remap?: CopyRemap;
}

export interface CopyRemap {
  /** Path of the user namespace. */
  userns: string;
  /** The machine's ids for its root. */
  owner: IdPair;
}

interface CopyRequest extends CopyJob {
  /** Whether an earlier copy into it did not come to its end. */
  wasCutOff(): boolean;
  /** Remembers, for after a crash, that a copy is under way. */
  mark(isPopulating: boolean): void;
}

interface Copier {
  copy(request: CopyRequest): Promise<void>;
  close(): Promise<void>;
}

/** Copies image content into volumes on one worker thread, one after the other: two never fill the same volume. */
export function createCopier(): Copier {
  const runner = createJobRunner<CopyJob, void>("volumes/copy-up.worker", 1);
  const underWay = new Map<string, Promise<void>>();

  async function copy(request: CopyRequest): Promise<void> {
    const { imageDirectories, destination, target, remap } = request;
    if (!request.wasCutOff() && (await readdir(target)).length > 0) return;
    request.mark(true);
    await runner.run({ imageDirectories, destination, target, ...(remap && { remap }) });
    request.mark(false);
  }

  return {
    async copy(request) {
      const before = underWay.get(request.target) ?? Promise.resolve();
      const done = before.catch(() => {}).then(() => copy(request));
      underWay.set(request.target, done);
      try {
        await done;
      } finally {
        if (underWay.get(request.target) === done) underWay.delete(request.target);
      }
    },
    close: () => runner.close(),
  };
}
