import type { Readable } from "node:stream";
import { invalid, unavailable } from "../errors.ts";
import type { VolumeCreateRequest } from "../formats/docker-api/docker-api.ts";
import { createJobPipes } from "../sys/job-pipes.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { decompress } from "../trees/decompress.ts";
import { anonymousLabel, describeVolume, type VolumeCatalog } from "./catalog.ts";
import type { VolumeDirectories } from "./directories.ts";
import { parseLocalOptions } from "./local-options.ts";
import type { VolumeRecord } from "./volume.ts";
import type { VolumeMounts } from "./volume-mounts.ts";

/** Descriptors in a job stay the caller's to close. */
export type TransferJob =
  | { kind: "export"; directory: string; outputFd: number }
  | { kind: "import"; directory: string; inputFd: number }
  | { kind: "clone"; source: string; target: string };

/** Volumes as a whole, out of the engine, into it, and into another. A new one is there in full or not at all. */
export interface Transfers {
  /** A tar of its content, the volume's own directory first. The caller reads or destroys it. @throws notFound */
  export(name: string, signal?: AbortSignal): Promise<Readable>;
  /**
   * A new volume with a tar's content, compressed or not, and with the labels and the limit that are given.
   * @throws invalid, conflict; internal when the disk is full, or the limit is reached
   */
  import(name: string, input: Readable, given?: ImportSettings): Promise<VolumeRecord>;
  /**
   * A new volume with the same content, labels and limit; what the other has mounted is copied to a directory of this machine.
   * @throws notFound, invalid, conflict; internal when the disk is full
   */
  clone(name: string, to: string): Promise<VolumeRecord>;
  close(): Promise<void>;
}

type ImportSettings = Pick<VolumeCreateRequest, "Labels" | "DriverOpts">;

/** A job lasts as long as its client reads or sends. */
const threads = 16;

export function createTransfers(options: {
  catalog: VolumeCatalog;
  directories: VolumeDirectories;
  mounts: VolumeMounts;
}): Transfers {
  const { catalog, directories, mounts } = options;
  const runner = createJobRunner<TransferJob, void>("volumes/transfers.worker", threads);
  const pipes = createJobPipes(runner);

  async function make(
    record: VolumeRecord,
    fill: (directory: string) => Promise<void>,
  ): Promise<VolumeRecord> {
    const reservation = catalog.reserve(record.name);
    try {
      const { folder, directory } = directories.stage(record.options);
      try {
        await fill(directory);
        catalog.establish(record, folder);
      } catch (error) {
        await directories.discard(folder);
        throw error;
      }
    } finally {
      reservation.free();
    }
    return record;
  }

  return {
    async export(name, signal) {
      const content = await openContent(catalog, mounts, name);
      try {
        const { directory } = content;
        const stream = pipes.read((outputFd) => ({ kind: "export", directory, outputFd }), signal);
        return stream.once("close", () => void content.close());
      } catch (error) {
        await content.close();
        throw error;
      }
    },
    async import(name, input, given = {}) {
      const record = describeVolume(name, { Name: name, ...given });
      if (parseLocalOptions(record.options).kind === "mounted")
        throw invalid(
          "an imported volume is a directory of this machine: of the options it can have size alone",
        );
      return make(record, async (directory) => {
        const { output } = await decompress(input);
        await pipes.write(output, (inputFd) => ({ kind: "import", directory, inputFd }));
      });
    },
    async clone(name, to) {
      const { labels, options: own } = catalog.getVolume(name);
      const { [anonymousLabel]: _, ...Labels } = labels;
      const DriverOpts = own.type === undefined ? own : {};
      return make(describeVolume(to, { Name: to, Labels, DriverOpts }), async (target) => {
        const content = await openContent(catalog, mounts, name);
        try {
          await runner.run({ kind: "clone", source: content.directory, target });
        } finally {
          await content.close();
        }
      });
    },
    async close() {
      pipes.destroy(unavailable("the engine is shutting down"));
      await runner.close();
    },
  };
}

/** The volume neither goes nor gets another name until `close`. */
async function openContent(catalog: VolumeCatalog, mounts: VolumeMounts, name: string) {
  const record = catalog.getVolume(name);
  const hold = catalog.hold(name);
  try {
    const { directory, close } = await mounts.openContent(record);
    return {
      directory,
      async close() {
        hold.free();
        await close();
      },
    };
  } catch (error) {
    hold.free();
    throw error;
  }
}
