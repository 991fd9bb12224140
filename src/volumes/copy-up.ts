import { readdir } from "node:fs/promises";
import { internal, messageOf } from "../errors.ts";
import type { IdPair } from "../formats/id-mapping.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { createNamedTurns } from "../sys/named-turns.ts";
import type { VolumeCatalog } from "./catalog.ts";
import { isReadOnly, type LocalMount } from "./local-options.ts";
import type { VolumeRecord } from "./volume.ts";
import type { VolumeMounts } from "./volume-mounts.ts";

export type CopyUpJob =
  | ({ kind: "copy" } & CopyJob)
  | { kind: "isEmpty"; target: string }
  | { kind: "empty"; target: string };

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

export interface CopyOptions {
  /** By which a copy that was cut off is known to be the same. */
  image?: string;
  remap?: CopyRemap | undefined;
  /** Whether others have the volume by now, who may have written to it. */
  isShared?(): boolean;
}

/** Image content in volumes. */
export interface CopyUp {
  /**
   * Copies what the image has at `destination` into the volume when that is empty, with owners, modes, times, links and
   * attributes. `imageDirectories` are the image's layers, topmost first. A copy that was cut off is made again from the same image and
   * path, and no other is made before that. One that failed leaves an empty volume or, as with Docker, a part in one that is shared. What
   * is to be mounted there is mounted meanwhile.
   * @throws internal in Docker's words for what cannot be mounted
   */
  copyUp(name: string, imageDirectories: string[], destination: string, options?: CopyOptions): Promise<void>;
  /** Whether a copy into it was cut off. */
  wasCutOff(name: string): boolean;
  /** What is in it is a container's own from now on: no copy that was cut off is made again over it. Waits for one that is under way. */
  keepContent(name: string): Promise<void>;
}

/** One that a server which does not answer holds up holds up no other volume. */
const threads = 16;

/** On a thread for each volume: two never fill the same one. */
export function createCopyUp(
  { records, getVolume, save, hold }: VolumeCatalog,
  mounts: VolumeMounts,
): CopyUp & { close(): Promise<void> } {
  const runner = createJobRunner<CopyUpJob, boolean>("volumes/copy-up.worker", threads);
  const { inTurn } = createNamedTurns();
  let isClosed = false;
  const wasCutOff = (name: string) => records.get(name)?.isPopulating ?? false;

  /** Remembers, for after a crash, that a copy is under way. */
  function mark(name: string, populating: VolumeRecord["populating"]): void {
    const current = records.get(name);
    if (current) save({ ...current, isPopulating: populating !== undefined, populating });
  }

  /** Else it would be made again later, over what the volume has by then. What others may have written is never removed. */
  async function undo(name: string, target: string, isShared: boolean): Promise<void> {
    if (!isShared) await runner.run({ kind: "empty", target });
    mark(name, undefined);
  }

  async function isEmpty(target: string, local: LocalMount | undefined): Promise<boolean> {
    // A thread would be dear for a directory of the engine's own; what is mounted may have a server that does not answer.
    if (!local) return (await readdir(target)).length === 0;
    return runner.run({ kind: "isEmpty", target });
  }

  /** @throws internal in Docker's words for what cannot be mounted */
  async function withContent(name: string, work: (directory: string) => Promise<void>): Promise<void> {
    const content = await mounts.openContent(getVolume(name)).catch((error: unknown) => {
      throw internal(`failed to populate volume: ${messageOf(error)}`, error);
    });
    try {
      await work(content.directory);
    } finally {
      await content.close();
    }
  }

  return {
    wasCutOff,
    async copyUp(name, imageDirectories, destination, { image = "", remap, isShared = () => false } = {}) {
      const local = mounts.localMountOf(name);
      // As Docker, whose copy is gone with the next unmount.
      if (local && (local.type === "tmpfs" || isReadOnly(local))) return;
      // The container that it is filled for may be given up meanwhile, and the copy goes on.
      const held = hold(name);
      try {
        await withContent(name, (target) =>
          inTurn(name, async () => {
            const isRepeated = wasCutOff(name);
            const populating = { image, path: destination };
            if (isRepeated ? !isSame(records.get(name), populating) : !(await isEmpty(target, local))) return;
            mark(name, populating);
            const job = { imageDirectories, destination, target, ...(local && remap && { remap }) };
            try {
              await runner.run({ kind: "copy", ...job });
            } catch (error) {
              // Where the engine ends it was cut off, and stays so.
              if (!isRepeated && !isClosed) await undo(name, target, isShared()).catch(() => {});
              throw error;
            }
            mark(name, undefined);
          }),
        );
      } finally {
        held.free();
      }
    },
    keepContent: (name) =>
      inTurn(name, async () => {
        if (wasCutOff(name)) mark(name, undefined);
      }),
    async close() {
      isClosed = true;
      await runner.close();
    },
  };
}

function isSame(record: VolumeRecord | undefined, content: { image: string; path: string }): boolean {
  const { image, path } = record?.populating ?? content;
  return image === content.image && path === content.path;
}
