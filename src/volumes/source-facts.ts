import { readlinkSync, realpathSync, statSync } from "node:fs";
import { hasCode } from "../errors.ts";

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

/**
 * The first of some mount points on the way to a path, links followed. Looks at nothing from there on.
 * @returns undefined when the way leads through none
 */
export function findMountOnTheWay(path: string, mountpoints: ReadonlySet<string>): string | undefined {
  if (mountpoints.size === 0 || mountpoints.has("/")) return mountpoints.size === 0 ? undefined : "/";
  let at = "";
  let links = 0;
  for (let rest = path.split("/"); rest.length > 0; ) {
    const [part, ...others] = rest;
    rest = others;
    if (!part || part === ".") continue;
    if (part === "..") {
      at = at.slice(0, Math.max(at.lastIndexOf("/"), 0));
      continue;
    }
    const next = `${at}/${part}`;
    if (mountpoints.has(next)) return next;
    const link = findLink(next);
    if (link === undefined || ++links > mostLinks) at = next;
    else {
      if (link.startsWith("/")) at = "";
      rest = [...link.split("/"), ...others];
    }
  }
  return undefined;
}

function findLink(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
