import { createHash } from "node:crypto";
import { mkdirSync } from "node:fs";
import { open as openFile, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { historyRecord, type StatusResponse, statusResponse } from "../buildkit/messages/control.ts";
import type { Given, MessageOf } from "../buildkit/wire/message.ts";
import { invalid, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";

export type HistoryRecord = MessageOf<typeof historyRecord>;

/** Builds that are over, newest first, and what they said. */
export interface HistoryStore {
  list(): Promise<readonly HistoryRecord[]>;
  find(ref: string): Promise<HistoryRecord | undefined>;
  /** Keeps a record with the progress that the build reported. @throws EngineError invalid for one that is too large */
  add(record: Given<HistoryRecord>, progress: AsyncIterable<Given<StatusResponse>>): Promise<void>;
  /** What was reported, in pieces. Nothing for one that is not there. */
  progressOf(ref: string): AsyncGenerator<StatusResponse>;
  pin(ref: string, isPinned: boolean): Promise<void>;
  remove(ref: string): Promise<void>;
}

/** BuildKit's: more go when they are older, too. */
const mostRecords = 50;
const keptMilliseconds = 48 * 3_600_000;
/** Whatever their age. */
const mostAtAll = 100;
const largestRecordBytes = 4 * 1024 * 1024;
/** Of one build's progress; the rest is left out. */
const largestLogBytes = 4 * 1024 * 1024;
const lengthBytes = 4;

/** @param folder is made */
export function openHistoryStore(folder: string, logger: Logger): HistoryStore {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const records = new Map<string, HistoryRecord>();
  const loaded = open().catch((error: unknown) =>
    logger.warn({ error: messageOf(error) }, "the build history could not be read"),
  );
  const pathOf = (ref: string, ending: string) =>
    join(folder, `${createHash("sha256").update(ref).digest("hex")}.${ending}`);

  async function open(): Promise<void> {
    await load(folder, records, logger);
    await removeOrphans(folder);
    await trim();
  }

  async function write(record: Given<HistoryRecord>): Promise<void> {
    const path = pathOf(record.ref ?? "", "record");
    const bytes = encode(record);
    try {
      await writeFile(`${path}.new`, bytes, { mode: 0o600 });
      await rename(`${path}.new`, path);
    } catch (error) {
      await rm(`${path}.new`, { force: true });
      throw error;
    }
    records.set(record.ref ?? "", historyRecord.decode(bytes));
  }

  async function remove(ref: string): Promise<void> {
    records.delete(ref);
    await Promise.all(["record", "log"].map((ending) => rm(pathOf(ref, ending), { force: true })));
  }

  const newestFirst = () => [...records.values()].sort((a, b) => timeOf(b) - timeOf(a));

  async function trim(): Promise<void> {
    const all = newestFirst().filter(({ pinned }) => !pinned);
    const oldest = Date.now() - keptMilliseconds;
    const isGone = (record: HistoryRecord, at: number) =>
      at >= mostAtAll || (at >= mostRecords && timeOf(record) < oldest);
    for (const { ref } of all.filter(isGone)) await remove(ref);
  }

  return {
    async list() {
      await loaded;
      return newestFirst();
    },
    async find(ref) {
      await loaded;
      return records.get(ref);
    },
    async add(record, progress) {
      await loaded;
      encode(record);
      const ref = record.ref ?? "";
      try {
        await writeLog(pathOf(ref, "log"), progress);
        await write(record);
      } catch (error) {
        if (!records.has(ref)) await rm(pathOf(ref, "log"), { force: true });
        throw error;
      }
      await trim();
    },
    async *progressOf(ref) {
      await loaded;
      if (records.has(ref)) yield* readLog(pathOf(ref, "log"));
    },
    async pin(ref, isPinned) {
      await loaded;
      const known = records.get(ref);
      if (known) await write({ ...known, pinned: isPinned });
    },
    async remove(ref) {
      await loaded;
      await remove(ref);
    },
  };
}

/** @throws EngineError invalid for one that would not be read again */
function encode(record: Given<HistoryRecord>): Uint8Array {
  const bytes = historyRecord.encode(record);
  if (bytes.length > largestRecordBytes) throw invalid("the record of the build is too large");
  return bytes;
}

const timeOf = ({ createdAt }: HistoryRecord) =>
  (createdAt?.seconds ?? 0) * 1000 + (createdAt?.nanos ?? 0) / 1e6;

async function load(folder: string, records: Map<string, HistoryRecord>, logger: Logger): Promise<void> {
  for (const name of await readdir(folder)) {
    if (!name.endsWith(".record")) continue;
    try {
      const bytes = await readFile(join(folder, name));
      if (bytes.length > largestRecordBytes) continue;
      const record = historyRecord.decode(bytes);
      records.set(record.ref, record);
    } catch (error) {
      logger.warn({ error: messageOf(error), name }, "a record of the build history could not be read");
    }
  }
}

/** What an engine has left that was killed while it wrote. */
async function removeOrphans(folder: string): Promise<void> {
  const names = await readdir(folder);
  const kept = new Set(
    names.filter((name) => name.endsWith(".record")).map((name) => name.replace(/record$/, "log")),
  );
  const orphans = names.filter((name) => name.endsWith(".new") || (name.endsWith(".log") && !kept.has(name)));
  for (const name of orphans) await rm(join(folder, name), { force: true });
}

/** Each message after its length. */
async function writeLog(path: string, progress: AsyncIterable<Given<StatusResponse>>): Promise<void> {
  const file = await openFile(path, "w", 0o600);
  let bytes = 0;
  try {
    for await (const update of progress) {
      const message = statusResponse.encode(update);
      bytes += message.length + lengthBytes;
      if (bytes > largestLogBytes) break;
      const length = Buffer.alloc(lengthBytes);
      length.writeUInt32LE(message.length);
      await file.writev([length, message]);
    }
  } finally {
    await file.close();
  }
}

async function* readLog(path: string): AsyncGenerator<StatusResponse> {
  const bytes = await readFile(path);
  for (let at = 0; at + lengthBytes <= bytes.length; ) {
    const end = at + lengthBytes + bytes.readUInt32LE(at);
    if (end > bytes.length) return;
    yield statusResponse.decode(bytes.subarray(at + lengthBytes, end));
    at = end;
  }
}
