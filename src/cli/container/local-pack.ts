import type { BigIntStats } from "node:fs";
import { lstat, open, readdir, readlink } from "node:fs/promises";
import { Readable } from "node:stream";
import { decodeDevice } from "../../formats/device-number.ts";
import { fileTypeOf, modificationTime } from "../../formats/tar/file-stats.ts";
import { type ByteString, bytesOfText, paddingAfter, type TarEntry } from "../../formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../formats/tar/tar-writer.ts";
import { baseOf, type CopyPlan, renameEntry } from "./cp-path.ts";

interface Packed {
  /** Of the contents, as they go. */
  sizeBytes: number;
  /** By device and inode: the first name of a file that has several, which the others are links to. */
  links: Map<string, ByteString>;
}

/**
 * A tar of a local file or folder, named as the plan says. `packed` counts the contents as they go.
 * @param isFollowed the source says that it is a folder, and may be a link to one
 */
export function packLocal(
  source: string,
  plan: CopyPlan,
  isFollowed = false,
): { tar: Readable; packed: { readonly sizeBytes: number } } {
  const packed: Packed = { sizeBytes: 0, links: new Map() };
  const bare = source.replace(/\/\.$/, "");
  const root = bytesOfText(isFollowed ? `${bare}/.` : bare || "/");
  const chunks = packAll(root, bytesOfText(baseOf(source)), planInBytes(plan), packed);
  return { tar: Readable.from(chunks, { objectMode: false, highWaterMark: 1 << 20 }), packed };
}

/** Names in archives are bytes: what the user typed becomes such. */
export function planInBytes({ folder, rename }: CopyPlan): CopyPlan {
  return {
    folder: bytesOfText(folder),
    rename: rename && { from: bytesOfText(rename.from), to: bytesOfText(rename.to) },
  };
}

export const pathOf = (file: ByteString) => Buffer.from(file, "latin1");

async function* packAll(root: ByteString, base: ByteString, plan: CopyPlan, packed: Packed) {
  yield* packTree(root, base, plan, packed);
  yield archiveEnd;
}

async function* packTree(
  file: ByteString,
  name: ByteString,
  plan: CopyPlan,
  packed: Packed,
): AsyncGenerator<Buffer> {
  const stat = await lstat(pathOf(file), { bigint: true });
  const entry = await entryOf(file, stat, renameEntry(name, plan));
  // What no archive can hold: sockets.
  if (entry === undefined) return;
  const first = findFirstName(stat, entry, packed);
  if (first !== undefined) {
    yield encodeEntry({ ...entry, type: "link", sizeBytes: 0, linkName: first });
    return;
  }
  yield encodeEntry(entry);
  if (entry.type === "file") {
    packed.sizeBytes += entry.sizeBytes;
    yield* readExactly(file, entry.sizeBytes);
  }
  if (entry.type !== "directory") return;
  for (const child of (await readdir(pathOf(file), { encoding: "latin1" })).sort()) {
    yield* packTree(`${file === "/" ? "" : file}/${child}`, `${name}/${child}`, plan, packed);
  }
}

/** The name in the archive of a file that this is another name of. */
function findFirstName(
  stat: BigIntStats,
  { type, name }: TarEntry,
  { links }: Packed,
): ByteString | undefined {
  if (type !== "file" || stat.nlink < 2n) return undefined;
  const key = `${stat.dev} ${stat.ino}`;
  const first = links.get(key);
  if (first === undefined) links.set(key, name);
  return first;
}

/** A file that grows or shrinks while it is read must not spoil the archive: exactly what was announced is sent. */
async function* readExactly(file: ByteString, sizeBytes: number): AsyncGenerator<Buffer> {
  const handle = await open(pathOf(file), "r");
  try {
    let left = sizeBytes;
    while (left > 0) {
      const { bytesRead, buffer } = await handle.read(Buffer.allocUnsafe(Math.min(left, 1 << 18)));
      if (bytesRead === 0) throw new Error(`${file} became shorter while it was copied`);
      left -= bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
  yield Buffer.alloc(paddingAfter(sizeBytes));
}

async function entryOf(file: ByteString, stat: BigIntStats, name: ByteString): Promise<TarEntry | undefined> {
  const type = fileTypeOf(stat);
  if (type === undefined) return undefined;
  const device = type === "characterDevice" || type === "blockDevice";
  const { major, minor } = decodeDevice(stat.rdev);
  return {
    name,
    type,
    mode: Number(stat.mode) & 0o7777,
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    sizeBytes: type === "file" ? Number(stat.size) : 0,
    mtime: modificationTime(stat),
    ...(type === "symlink" && { linkName: await readlink(pathOf(file), { encoding: "latin1" }) }),
    ...(device && { deviceMajor: major, deviceMinor: minor }),
  };
}
