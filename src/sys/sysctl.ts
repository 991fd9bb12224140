import { readFileSync, writeFileSync } from "node:fs";

/** A kernel setting, of the calling thread's network namespace for those below "net/". @throws Node's ENOENT, … */
export function readSysctl(path: string): string {
  return readFileSync(`/proc/sys/${path}`, "utf8").trim();
}

/** "" for one that is not there. */
export function tryReadSysctl(path: string): string {
  try {
    return readSysctl(path);
  } catch {
    return "";
  }
}

/** Returns the value before; writes only when that is another. */
export function setSysctl(path: string, value: string): string {
  const before = readSysctl(path);
  if (before !== value) writeFileSync(`/proc/sys/${path}`, value);
  return before;
}
