import { lstatSync, readlinkSync, realpathSync, type Stats, statSync } from "node:fs";
import path from "node:path";
import { ExitError } from "../command.ts";
import { assertsFolder, type CopySource, type CopyTarget } from "./cp-path.ts";

/* The sides of `cp` that are on this machine. */

/** Whole, and still saying that it is a folder. */
export const absoluteOf = (file: string) =>
  path.resolve(file) + (assertsFolder(file) && !file.endsWith("/.") ? "/" : "");

/**
 * A link is followed, also to what is not there yet.
 * @throws Error in Docker's words for a device, and where the folder around it is missing
 */
export function statDestination(file: string): CopyTarget {
  const stat = find(file);
  if (stat?.isCharacterDevice() || stat?.isBlockDevice()) {
    const given = JSON.stringify(absoluteOf(file));
    throw new Error(`invalid output path: ${given} must be a directory or a regular file: got a device`);
  }
  if (stat !== undefined) {
    const slash = assertsFolder(file) ? "/" : "";
    return { path: realpathSync(file) + slash, exists: true, isFolder: stat.isDirectory() };
  }
  const place = followLinks(path.resolve(file));
  const folder = path.dirname(place);
  if (!find(folder)?.isDirectory())
    throw new Error(`invalid output path: directory ${JSON.stringify(folder)} does not exist`);
  return { path: place + (assertsFolder(file) ? "/" : ""), exists: false, isFolder: false };
}

const find = (file: string): Stats | undefined => statSync(file, { throwIfNoEntry: false });

/** Where the last of the links leads. The way there is the kernel's: `..` is not taken away from a path that has links in it. */
function followLinks(file: string): string {
  if (!lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink()) return file;
  const target = readlinkSync(file);
  return followLinks(path.isAbsolute(target) ? target : `${path.dirname(file)}/${target}`);
}

/** @param isFollowed what a link leads to, under the link's own name */
export function statSource(file: string, isFollowed: boolean): CopySource {
  // `link/` and `link/.` mean what the link points to.
  const stat = (isFollowed || assertsFolder(file) ? statSync : lstatSync)(file, { throwIfNoEntry: false });
  if (stat === undefined) throw new ExitError(1, `lstat ${path.resolve(file)}: no such file or directory`);
  const isFolder = stat.isDirectory();
  const whole = isFollowed ? realpathSync(file) : path.resolve(file);
  if (file.endsWith("/.") || file === ".") return { path: `${whole}/.`, isFolder };
  return { path: whole, isFolder, name: path.basename(path.resolve(file)) };
}
