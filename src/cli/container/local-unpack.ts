import {
  chmod,
  type FileHandle,
  link,
  lstat,
  mkdir,
  open,
  realpath,
  rm,
  symlink,
  utimes,
} from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { type ByteString, type TarEntry, textOfBytes } from "../../formats/tar/tar-entry.ts";
import { createTarReader } from "../../formats/tar/tar-reader.ts";
import { type CopyPlan, renameEntry } from "./cp-path.ts";
import { pathOf, planInBytes } from "./local-pack.ts";

/**
 * Unpacks below the plan's folder, owned by the user who runs this. The archive comes from a container and is not trusted:
 * no entry gets out of the folder, not by `..` and not through a link. Devices and FIFOs are left out. Gives the bytes of
 * the contents.
 * @throws Error when an entry would get out, or the archive is damaged
 */
export async function unpackLocal(tar: Readable, textPlan: CopyPlan): Promise<number> {
  const plan = planInBytes(textPlan);
  const root = await realpath(pathOf(plan.folder), { encoding: "latin1" });
  const reader = createTarReader();
  const folders: { file: ByteString; entry: TarEntry }[] = [];
  let sizeBytes = 0;
  let output: { handle: FileHandle; file: ByteString; entry: TarEntry } | undefined;
  try {
    for await (const chunk of tar) {
      for (const event of reader.push(chunk)) {
        if (event.kind === "data") {
          await output?.handle.writeFile(event.data);
          sizeBytes += event.data.length;
        } else if (event.kind === "hole") {
          throw new Error("a sparse file is not expected in what the engine sends");
        } else if (event.kind === "end") {
          await output?.handle.close();
          if (output !== undefined) await applyAttributes(output.file, output.entry);
          output = undefined;
        } else {
          const { entry } = event;
          const file = await placeInside(root, renameEntry(entry.name, plan));
          const handle = await makeEntry(root, file, entry, plan);
          if (handle !== undefined) output = { handle, file, entry };
          // The folder was there before, and is not part of the copy.
          if (entry.type === "directory" && file !== root) folders.push({ file, entry });
        }
      }
    }
    reader.finish();
  } finally {
    await output?.handle.close();
  }
  // Last, since what is put in a folder changes its time, and its mode may forbid putting anything in.
  for (const { file, entry } of folders.reverse()) await applyAttributes(file, entry);
  return sizeBytes;
}

async function makeEntry(
  root: ByteString,
  file: ByteString,
  entry: TarEntry,
  plan: CopyPlan,
): Promise<FileHandle | undefined> {
  switch (entry.type) {
    case "directory":
      await makeFolder(file);
      return undefined;
    case "file":
      await removeOther(file);
      return open(pathOf(file), "wx", 0o600);
    case "symlink":
      await removeOther(file);
      await symlink(pathOf(entry.linkName ?? ""), pathOf(file));
      return undefined;
    case "link":
      await removeOther(file);
      await link(pathOf(await placeInside(root, renameEntry(entry.linkName ?? "", plan))), pathOf(file));
      return undefined;
    default:
      return undefined;
  }
}

/** The file's place under the root, its folders made. @throws Error when a link on the way leads out */
async function placeInside(root: ByteString, name: ByteString): Promise<ByteString> {
  const file = path.posix.resolve(root, `.${path.posix.resolve("/", name)}`);
  if (file === root) return file;
  const parent = path.posix.dirname(file);
  // What is there already is looked at before anything is made: a link may be among it.
  const actual = await realpath(pathOf(await findExisting(parent)), { encoding: "latin1" });
  if (actual !== root && !actual.startsWith(root === "/" ? "/" : `${root}/`)) {
    throw new Error(
      `refusing to unpack ${JSON.stringify(textOfBytes(name))}: it leads out of ${textOfBytes(root)}`,
    );
  }
  await mkdir(pathOf(parent), { recursive: true });
  return file;
}

async function findExisting(folder: ByteString): Promise<ByteString> {
  let existing = folder;
  while ((await find(existing)) === undefined && existing !== "/") existing = path.posix.dirname(existing);
  return existing;
}

const find = (file: ByteString) => lstat(pathOf(file)).catch(() => undefined);
const show = (file: ByteString) => JSON.stringify(textOfBytes(file));

async function makeFolder(file: ByteString): Promise<void> {
  const found = await find(file);
  if (found !== undefined && !found.isDirectory()) {
    throw new Error(`cannot overwrite non-directory ${show(file)} with directory`);
  }
  if (found === undefined) await mkdir(pathOf(file), { mode: 0o700 });
}

async function removeOther(file: ByteString): Promise<void> {
  const found = await find(file);
  if (found?.isDirectory()) throw new Error(`cannot overwrite directory ${show(file)} with non-directory`);
  // Not written through: it could be a link to somewhere else.
  if (found !== undefined) await rm(pathOf(file));
}

async function applyAttributes(file: ByteString, { mode, mtime }: TarEntry): Promise<void> {
  const seconds = mtime.seconds + mtime.nanoseconds / 1e9;
  await chmod(pathOf(file), mode);
  await utimes(pathOf(file), seconds, seconds);
}
