import type { Readable } from "node:stream";
import { internal, invalid, unavailable } from "../errors.ts";
import type { VolumeCreateRequest } from "../formats/docker-api/docker-api.ts";
import type { ContainerDirectory } from "../formats/docker-api/docker-api-layers.ts";
import { createJobPipes, type JobPipes } from "../sys/job-pipes.ts";
import { createJobRunner, type JobRunner } from "../sys/jobs.ts";
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
  | { kind: "clone"; source: string; target: string }
  | { kind: "list"; directory: string; path: string }
  | { kind: "read"; directory: string; path: string; outputFd: number };

/** Of a list, and of nothing else. */
export type TransferResult = ContainerDirectory | undefined;

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
  /** What is in a directory of it. @throws notFound, invalid */
  listFiles(name: string, path: string): Promise<ContainerDirectory>;
  /** A file of it. The caller reads or destroys it. @throws notFound, invalid: at the beginning of the stream */
  readFile(name: string, path: string, signal?: AbortSignal): Promise<Readable>;
  close(): Promise<void>;
}

type ImportSettings = Pick<VolumeCreateRequest, "Labels" | "DriverOpts">;

/** A job lasts as long as its client reads or sends. */
const threads = 16;
/** For what waits for no client. */
const lookThreads = 2;

export function createTransfers(options: {
  catalog: VolumeCatalog;
  directories: VolumeDirectories;
  mounts: VolumeMounts;
}): Transfers {
  const { catalog, directories, mounts } = options;
  const start = (count: number) =>
    createJobRunner<TransferJob, TransferResult>("volumes/transfers.worker", count);
  const [runner, looks] = [start(threads), start(lookThreads)];
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
    ...createReaders(catalog, mounts, { looks, pipes }),
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
      await Promise.all([runner.close(), looks.close()]);
    },
  };
}

/** What reads a volume's content, and changes nothing. */
function createReaders(
  catalog: VolumeCatalog,
  mounts: VolumeMounts,
  { looks, pipes }: { looks: JobRunner<TransferJob, TransferResult>; pipes: JobPipes<TransferJob> },
): Pick<Transfers, "export" | "listFiles" | "readFile"> {
  async function send(
    name: string,
    makeJob: (directory: string, outputFd: number) => TransferJob,
    signal?: AbortSignal,
  ): Promise<Readable> {
    const content = await openContent(catalog, mounts, name);
    try {
      const stream = pipes.read((outputFd) => makeJob(content.directory, outputFd), signal);
      return stream.once("close", () => void content.close());
    } catch (error) {
      await content.close();
      throw error;
    }
  }

  return {
    export: (name, signal) =>
      send(name, (directory, outputFd) => ({ kind: "export", directory, outputFd }), signal),
    readFile: (name, path, signal) =>
      send(name, (directory, outputFd) => ({ kind: "read", directory, path, outputFd }), signal),
    async listFiles(name, path) {
      const content = await openContent(catalog, mounts, name);
      try {
        const listed = await looks.run({ kind: "list", directory: content.directory, path });
        if (!listed) throw internal("internal error: unexpected reply from worker");
        return listed;
      } finally {
        await content.close();
      }
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
