import { createReadStream, createWriteStream, type Stats } from "node:fs";
import {
  chmod,
  link,
  lstat,
  mkdir,
  readdir,
  readlink,
  realpath,
  rm,
  symlink,
  utimes,
} from "node:fs/promises";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, type Header, type Pack, pack } from "tar-stream";
import { baseOf, type CopyPlan, renameEntry } from "./cp-path.ts";

type EntryHeader = Partial<Header> & Pick<Header, "name">;

/** A tar of a local file or folder, named as the plan says. `packed` counts the contents as they go. */
export function packLocal(source: string, plan: CopyPlan): { tar: Readable; packed: { sizeBytes: number } } {
  const archive = pack();
  const packed = { sizeBytes: 0 };
  const root = source.replace(/\/\.$/, "") || "/";
  addTree(archive, root, baseOf(source), plan, packed).then(
    () => archive.finalize(),
    (error) => archive.destroy(error),
  );
  return { tar: Readable.from(archive, { objectMode: false }), packed };
}

async function addTree(
  archive: Pack,
  file: string,
  name: string,
  plan: CopyPlan,
  packed: { sizeBytes: number },
) {
  const stat = await lstat(file);
  const header = await headerOf(file, stat, renameEntry(name, plan));
  if (header === undefined) return;
  if (header.type !== "file" || stat.size === 0) await addEntry(archive, header);
  else {
    const entry = archive.entry(header);
    packed.sizeBytes += stat.size;
    // A file that grows while it is read must not spoil the archive.
    await pipeline(createReadStream(file, { end: stat.size - 1 }), entry);
  }
  if (!stat.isDirectory()) return;
  for (const child of (await readdir(file)).sort()) {
    await addTree(archive, path.join(file, child), `${name}/${child}`, plan, packed);
  }
}

function addEntry(archive: Pack, header: EntryHeader): Promise<void> {
  return new Promise((resolve, reject) => {
    archive.entry(header, (error) => (error ? reject(error) : resolve()));
  });
}

/** Undefined for what no archive can hold: sockets. */
async function headerOf(file: string, stat: Stats, name: string): Promise<EntryHeader | undefined> {
  const common = { name, mode: stat.mode & 0o7777, mtime: stat.mtime, uid: stat.uid, gid: stat.gid, size: 0 };
  if (stat.isFile()) return { ...common, type: "file", size: stat.size };
  if (stat.isDirectory()) return { ...common, type: "directory" };
  if (stat.isSymbolicLink()) return { ...common, type: "symlink", linkname: await readlink(file) };
  if (stat.isFIFO()) return { ...common, type: "fifo" };
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return undefined;
  const type = stat.isBlockDevice() ? "block-device" : "character-device";
  return {
    ...common,
    type,
    devmajor: (stat.rdev >> 8) & 0xfff,
    devminor: (stat.rdev & 0xff) | ((stat.rdev >> 12) & 0xfff00),
  };
}

/**
 * Unpacks below the plan's folder, owned by whoever runs this. The archive comes from a container and is not trusted:
 * no entry gets out of the folder, not by `..` and not through a link. Gives the bytes of the contents.
 * @throws Error when an entry would
 */
export async function unpackLocal(tar: Readable, plan: CopyPlan): Promise<number> {
  const root = await realpath(plan.folder);
  const archive = extract();
  const source = pipeline(tar, archive);
  source.catch(() => undefined);
  const folders: { file: string; header: Header }[] = [];
  let sizeBytes = 0;
  for await (const entry of archive) {
    const { header } = entry;
    const file = await placeInside(root, renameEntry(header.name, plan));
    if (header.type === "directory") {
      await makeFolder(file);
      folders.push({ file, header });
    } else if (header.type === "file" || header.type === "contiguous-file") {
      await removeOther(file);
      await pipeline(entry, createWriteStream(file, { mode: 0o600 }));
      sizeBytes += header.size ?? 0;
      await applyTimes(file, header);
    } else if (header.type === "symlink") {
      await removeOther(file);
      await symlink(header.linkname ?? "", file);
    } else if (header.type === "link") {
      await removeOther(file);
      await link(await placeInside(root, renameEntry(header.linkname ?? "", plan)), file);
    }
    entry.resume();
  }
  await source;
  // Last, since what is put in a folder changes its time, and its mode may forbid putting anything in.
  for (const { file, header } of folders.reverse()) await applyTimes(file, header);
  return sizeBytes;
}

async function placeInside(root: string, name: string): Promise<string> {
  const file = path.resolve(root, `.${path.resolve("/", name)}`);
  const parent = path.dirname(file);
  if (file !== root) {
    await mkdir(parent, { recursive: true });
    const actual = await realpath(parent);
    if (actual !== root && !actual.startsWith(root === "/" ? "/" : `${root}/`)) {
      throw new Error(`refusing to unpack ${JSON.stringify(name)}: it leads out of ${root}`);
    }
  }
  return file;
}

async function makeFolder(file: string): Promise<void> {
  const found = await lstat(file).catch(() => undefined);
  if (found !== undefined && !found.isDirectory()) {
    throw new Error(`cannot overwrite non-directory ${JSON.stringify(file)} with directory`);
  }
  if (found === undefined) await mkdir(file, { mode: 0o700 });
}

async function removeOther(file: string): Promise<void> {
  const found = await lstat(file).catch(() => undefined);
  if (found?.isDirectory())
    throw new Error(`cannot overwrite directory ${JSON.stringify(file)} with non-directory`);
  // Not written through: it could be a link to somewhere else.
  if (found !== undefined) await rm(file);
}

async function applyTimes(file: string, header: Header): Promise<void> {
  await chmod(file, (header.mode ?? 0o644) & 0o7777);
  if (header.mtime !== undefined) await utimes(file, header.mtime, header.mtime);
}
