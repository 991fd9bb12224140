import { createHash, randomUUID } from "node:crypto";
import type { MessagePort } from "node:worker_threads";
import { sendToJob } from "../../sys/job-input.ts";
import { createJobRunner, type JobRunner } from "../../sys/jobs.ts";
import { bootId } from "../../sys/process.ts";
import type { DirectoryVisitor } from "../client-session.ts";
import {
  beginTransfer,
  type ContextFolder,
  type KeptTree,
  measureFolder,
  readFrom,
  sweep,
} from "./kept-contexts.ts";
import { explainFullDisk, openKeptFolders } from "./kept-folders.ts";
import { createReception } from "./reception.ts";
import type { ArchiveOrder, StoredArchive } from "./store-archive.ts";

/*
 * The directories that clients send, as such or as an archive. What a build gets is a list of entries; the content of files lies in packs, so that no name that
 * a client sends is ever one in the file system, and builds at the same time don't disturb each other. The list is kept by the
 * client's key: of a file that is as it was, nothing is sent again, and nothing is written again of what an archive has in common with
 * the last one.
 */

/** A directory as a client sent it. */
export interface ReceivedTree {
  /** For `openStoredTree`. */
  path: string;
  /** Bytes of file content. */
  sizeBytes: number;
  /** The caller is done with it. */
  release(): void;
}

/** What is made of an archive. */
export type ArchiveWishes = Pick<ArchiveOrder, "subdir" | "wanted" | "mayBeIgnored">;

/** A directory that is kept for the next build. */
export interface KeptContext {
  id: string;
  /** On the disk. */
  sizeBytes: number;
  /** Milliseconds since the epoch. */
  lastUsedAt: number;
  inUse: boolean;
}

export interface ContextStore {
  /**
   * Has `send` send a directory.
   * @param key names it over several builds; undefined for one that is not kept
   * @throws what `send` throws; EngineError invalid for what cannot be a directory
   */
  receive(
    key: string | undefined,
    send: (visitor: DirectoryVisitor) => Promise<void>,
  ): Promise<ReceivedTree & { sentBytes: number }>;
  /**
   * Has an archive become a directory: see `storeArchive`.
   * @param key as for `receive`
   * @throws what `archive` throws; the signal's reason; EngineError invalid
   */
  unpack(
    key: string | undefined,
    archive: AsyncIterable<Uint8Array>,
    wishes: ArchiveWishes,
    signal: AbortSignal,
  ): Promise<ReceivedTree & Pick<StoredArchive, "files">>;
  /** Below its root. */
  folderNames(): ReadonlySet<string>;
  list(): Promise<KeptContext[]>;
  /** Silent when it is in use, or there is none. @returns whether it is gone */
  remove(id: string): Promise<boolean>;
  /** Ends its threads. */
  close(): Promise<void>;
}

/** They wait for their clients. */
const threads = 2;
const archivesPerThread = 16;

/** @param root is made */
export function openContextStore(root: string): ContextStore {
  const folders = openKeptFolders(root);
  const runner = createJobRunner<ArchiveOrder, StoredArchive>(
    "build/context/contexts.worker",
    threads,
    archivesPerThread,
  );

  /** What `take` takes in becomes the latest of its key. */
  async function keep<R extends object>(
    key: string | undefined,
    take: (folder: ContextFolder, transferId: string) => Promise<{ tree: KeptTree; more: R }>,
  ): Promise<ReceivedTree & R> {
    const id = createHash("sha256")
      .update(key ?? randomUUID())
      .digest("hex")
      .slice(0, 25);
    const folder = await folders.enter(id);
    // What the present latest has is not sent again: it must stay meanwhile.
    const leaveLatest = folder.latest && readFrom(folder, folder.latest);
    const transfer = beginTransfer(folder);
    let isKept = false;
    try {
      const { tree, more } = await take(folder, transfer.id);
      const release = readFrom(folder, tree);
      if (key !== undefined) folder.latest = tree;
      const { path, sizeBytes } = tree;
      isKept = true;
      return {
        ...{ ...more, path, sizeBytes },
        release() {
          release();
          folders.leave(id, folder);
        },
      };
    } catch (error) {
      throw explainFullDisk(error);
    } finally {
      folder.receptions--;
      transfer.end();
      leaveLatest?.();
      sweep(folder);
      // On a full disk the next one needs the room.
      if (!isKept) await folder.swept;
      folders.leave(id, folder);
    }
  }

  return {
    receive: (key, send) => keep(key, (folder, transferId) => receiveInto(folder, transferId, send)),
    unpack: (key, archive, wishes, signal) =>
      keep(key, async ({ path: folder, latest }, transferId) => {
        const place = { folder, transferId, ...(latest && { latest: latest.path }) };
        return unpackInto(runner, archive, { ...place, ...wishes }, signal);
      }),
    folderNames: () => new Set([bootId()]),
    list: async () => Promise.all((await folders.list()).map(({ id, folder }) => describeKept(id, folder))),
    remove: folders.remove,
    close: runner.close,
  };
}

async function describeKept(id: string, folder: ContextFolder): Promise<KeptContext> {
  const sizeBytes = await measureFolder(folder);
  return { id, lastUsedAt: folder.lastUsedAt, sizeBytes, inUse: folder.readers.size > 0 };
}

async function receiveInto(
  folder: ContextFolder,
  transferId: string,
  send: (visitor: DirectoryVisitor) => Promise<void>,
): Promise<{ tree: KeptTree; more: { sentBytes: number } }> {
  const reception = await createReception(folder, transferId);
  try {
    await send(reception.visitor);
    return { tree: await reception.finish(), more: { sentBytes: reception.sentBytes } };
  } finally {
    await reception.close();
  }
}

async function unpackInto(
  runner: JobRunner<ArchiveOrder, StoredArchive>,
  archive: AsyncIterable<Uint8Array>,
  order: Omit<ArchiveOrder, "input">,
  signal: AbortSignal,
): Promise<{ tree: KeptTree; more: Pick<StoredArchive, "files"> }> {
  const run = (input: MessagePort) => runner.run({ input, ...order }, signal, [input]);
  const { path, packs, sizeBytes, files } = await sendToJob(archive, run, signal);
  return { tree: { path, packs: new Set(packs), sizeBytes }, more: { files } };
}
