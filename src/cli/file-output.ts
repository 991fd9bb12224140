import { randomBytes } from "node:crypto";
import { createWriteStream, openSync, rmSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { hasCode } from "../errors.ts";
import type { Cli } from "./cli.ts";
import { removeOnSignal } from "./remove-on-signal.ts";
import { showTransfer } from "./transfer.ts";

/**
 * Writes a stream to a file, or to stdout for an empty name. The file appears only when it is whole, and is its owner's
 * alone, as Docker's is: an image or a volume may hold secrets.
 * @throws Error when the folder is missing or the target is no file, before anything is asked of the daemon
 */
export async function saveStream(
  cli: Cli,
  file: string,
  open: () => Promise<Readable>,
  failure: string,
): Promise<void> {
  if (file === "") {
    await pipeline(await open(), cli.stdout, { end: false });
    return;
  }
  const isDevice = checkTarget(file, failure);
  const source = showTransfer(cli, await open(), "Writing");
  if (isDevice) {
    await pipeline(source, createWriteStream(file));
    return;
  }
  const part = path.join(
    path.dirname(file),
    `.${path.basename(file)}.${randomBytes(4).toString("hex")}.part`,
  );
  const forget = removeOnSignal(part);
  try {
    await pipeline(source, createWriteStream(part, { fd: openSync(part, "wx", 0o600) }));
    await rename(part, file);
  } catch (error) {
    rmSync(part, { force: true });
    throw error;
  } finally {
    forget();
  }
}

/** True for something that is written to in place: a device or a FIFO. */
function checkTarget(file: string, failure: string): boolean {
  const folder = path.dirname(file);
  const isFolder = (name: string) => statSync(name, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isFolder(folder)) {
    throw new Error(`${failure}: invalid output path: stat ${folder}: no such file or directory`);
  }
  if (isFolder(file)) throw new Error(`${failure}: cannot write to a directory`);
  try {
    return !(statSync(file, { throwIfNoEntry: false })?.isFile() ?? true);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
}
