import { type FileHandle, open } from "node:fs/promises";

/** Writes files while its user goes on, and says when too much waits to be written. */
export interface Spool {
  /** Begins a new file, which only root may read. */
  begin(path: string): SpooledFile;
  /** To be waited for before more comes; undefined while there is room. */
  room(): Promise<void> | undefined;
  /** Waits until all is written, and closes the files. @throws what went wrong */
  finish(): Promise<void>;
  /** Gives up what is not written yet, and closes the files. */
  close(): Promise<void>;
}

export interface SpooledFile {
  /** @returns where in the file it begins */
  append(data: Buffer): number;
  /** Nothing more will be appended. */
  end(): void;
}

/** What may wait in memory. */
const mostWaitingBytes = 16 * 1024 * 1024;
/** What one system call takes. */
const mostPieces = 512;

interface Shared {
  waitingBytes: number;
  failure: unknown;
  isClosed: boolean;
  /** Resolved with every write. */
  moved: PromiseWithResolvers<void>;
}

export function openSpool(): Spool {
  const shared: Shared = {
    waitingBytes: 0,
    failure: undefined,
    isClosed: false,
    moved: Promise.withResolvers(),
  };
  const files: { written: () => Promise<void>; end: () => void }[] = [];

  async function settle(): Promise<void> {
    for (const { end } of files) end();
    await Promise.all(files.map(({ written }) => written()));
  }

  return {
    begin(path) {
      const { file, written } = beginFile(path, shared);
      files.push({ written, end: file.end });
      return file;
    },
    room() {
      if (shared.failure !== undefined) return Promise.reject(shared.failure);
      return shared.waitingBytes <= mostWaitingBytes ? undefined : waitForRoom(shared);
    },
    async finish() {
      await settle();
      if (shared.failure !== undefined) throw shared.failure;
    },
    async close() {
      shared.isClosed = true;
      await settle();
    },
  };
}

async function waitForRoom(shared: Shared): Promise<void> {
  while (shared.waitingBytes > mostWaitingBytes / 2 && shared.failure === undefined)
    await shared.moved.promise;
  if (shared.failure !== undefined) throw shared.failure;
}

function beginFile(path: string, shared: Shared): { file: SpooledFile; written: () => Promise<void> } {
  const waiting: Buffer[] = [];
  let [end, isEnded] = [0, false];
  let wake = () => {};

  async function write(handle: FileHandle): Promise<void> {
    for (;;) {
      const pieces = waiting.splice(0, mostPieces);
      if (pieces.length === 0 && isEnded) return;
      if (pieces.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      else if (shared.isClosed || shared.failure !== undefined) settle(pieces);
      else await writePieces(handle, pieces).finally(() => settle(pieces));
    }
  }

  function settle(pieces: readonly Buffer[]): void {
    shared.waitingBytes -= pieces.reduce((sum, { length }) => sum + length, 0);
    shared.moved.resolve();
    shared.moved = Promise.withResolvers();
  }

  async function run(): Promise<void> {
    let handle: FileHandle | undefined;
    try {
      handle = await open(path, "wx", 0o600);
      await write(handle);
    } catch (error) {
      shared.failure ??= error;
      settle(waiting.splice(0));
    } finally {
      await handle?.close();
    }
  }

  const done = run();
  return {
    written: () => done,
    file: {
      append(data) {
        const offset = end;
        end += data.length;
        if (shared.failure !== undefined) return offset;
        shared.waitingBytes += data.length;
        waiting.push(data);
        wake();
        return offset;
      },
      end() {
        isEnded = true;
        wake();
      },
    },
  };
}

/** A system call may take less than all. */
async function writePieces(handle: FileHandle, pieces: readonly Buffer[]): Promise<void> {
  let left = [...pieces];
  while (left.length > 0) {
    let { bytesWritten } = await handle.writev(left);
    while (left[0] && bytesWritten >= left[0].length) bytesWritten -= (left.shift() as Buffer).length;
    if (left[0] && bytesWritten > 0) left = [left[0].subarray(bytesWritten), ...left.slice(1)];
  }
}
