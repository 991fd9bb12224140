import { readlinkSync, realpathSync, statSync } from "node:fs";
import { hasCode, invalid } from "../errors.ts";

/** What is to be known of the source of a mount before it is mounted. */
export interface SourceFacts {
  exists: boolean;
  isDirectory: boolean;
  /** Without links; as it was asked for where there is nothing. */
  realPath: string;
}

/** Waits for the server of what is mounted there, if there is one. @throws an error with the system call's `code` */
export function readSourceFacts(path: string): SourceFacts {
  try {
    return { exists: true, isDirectory: statSync(path).isDirectory(), realPath: realpathSync(path) };
  } catch (error) {
    if (!hasCode(error, "ENOENT") && !hasCode(error, "ENOTDIR")) throw error;
    return { exists: false, isDirectory: false, realPath: path };
  }
}

const mostLinks = 40;
/** Of names that links lead through: what a container has made in a volume could take seconds. */
const mostLinkedNames = 256;

/**
 * The first of some mount points on the way to a path, links followed. Looks at nothing from there on.
 * @returns undefined when the way leads through none. @throws EngineError invalid when links lead through too many names
 */
export function findMountOnTheWay(path: string, mountpoints: ReadonlySet<string>): string | undefined {
  return mountpoints.size === 0 ? undefined : follow(path, mountpoints).mountpoint;
}

/** Whether one of some mount points is on the way to a path, or below where that ends. @throws as `findMountOnTheWay` */
export function touchesMount(path: string, mountpoints: ReadonlySet<string>): boolean {
  if (mountpoints.size === 0) return false;
  const { mountpoint, end } = follow(path, mountpoints);
  return mountpoint !== undefined || [...mountpoints].some((one) => one.startsWith(`${end}/`));
}

/** @returns `end`: where the path leads, without a slash at the end */
function follow(path: string, mountpoints: ReadonlySet<string>): { mountpoint?: string; end: string } {
  if (mountpoints.has("/")) return { mountpoint: "/", end: "" };
  let at = "";
  let [links, linkedNames] = [0, 0];
  const rest = path.split("/").reverse();
  for (let name = rest.pop(); name !== undefined; name = rest.pop()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = at.slice(0, Math.max(at.lastIndexOf("/"), 0));
      continue;
    }
    const next = `${at}/${name}`;
    if (mountpoints.has(next)) return { mountpoint: next, end: next };
    const link = findLink(next);
    if (link === undefined || ++links > mostLinks) {
      at = next;
      continue;
    }
    if (link.startsWith("/")) at = "";
    const names = link.split("/").reverse();
    linkedNames += names.length;
    if (linkedNames > mostLinkedNames) throw invalid(`${path}: too many levels of symbolic links`);
    rest.push(...names);
  }
  return { end: at };
}

function findLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
