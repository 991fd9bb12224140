import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../src/errors.ts";

/** What an engine can leave on a machine, as sets of names. */
export interface Footprint {
  mounts: Set<string>;
  links: Set<string>;
  tables: Set<string>;
  cgroups: Set<string>;
  processes: Set<string>;
}

export function takeFootprint(): Footprint {
  return {
    mounts: new Set(
      readFileSync("/proc/self/mountinfo", "latin1").split("\n").filter(Boolean).map(withoutId),
    ),
    links: new Set(readdirSync("/sys/class/net")),
    tables: new Set(
      execFileSync("nft", ["list", "tables"], { encoding: "utf8" }).split("\n").filter(Boolean),
    ),
    cgroups: new Set([...listCgroups("/sys/fs/cgroup"), ...listCovered("/sys/fs/cgroup/unified")]),
    processes: new Set(listProcesses()),
  };
}

/** Pairs of links of which both ends are here: one is always in a container's namespace, or in one that waits for a container. */
function strayPairs(): string[] {
  const read = (name: string, field: string) =>
    readFileSync(`/sys/class/net/${name}/${field}`, "latin1").trim();
  const links = readdirSync("/sys/class/net").flatMap((name) => {
    try {
      return /^veth[0-9a-f]{7}/.test(name)
        ? [{ name, index: read(name, "ifindex"), peer: read(name, "iflink") }]
        : [];
    } catch {
      // It has just gone.
      return [];
    }
  });
  const isHere = ({ index, peer }: (typeof links)[number]) =>
    links.some((other) => other.index === peer && other.peer === index);
  return links.filter(isHere).map(({ name }) => `links: ${name}, with its peer beside it`);
}

function withoutId(line: string): string {
  const fields = line.split(" ");
  return `${fields[4]} ${fields.slice(fields.indexOf("-") + 1).join(" ")}`;
}

function listCgroups(folder: string): string[] {
  const folders = listFolders(folder);
  return folders.flatMap(({ name }) => [join(folder, name), ...listCgroups(join(folder, name))]);
}

/** None where it has gone: other tests make and remove their own meanwhile. */
function listFolders(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENODEV")) return [];
    throw error;
  }
}

/** What lies below a mount point and is covered by the mount: of a hybrid host's v2 hierarchy, where a runtime may not see it. */
function listCovered(mountPoint: string): string[] {
  if (!existsSync(mountPoint)) return [];
  const script = 'umount -l "$0" && find "$0" -mindepth 1 -maxdepth 1 -printf "covered %p\\n"';
  const output = execFileSync("unshare", ["--mount", "sh", "-c", script, mountPoint], { encoding: "utf8" });
  return output.split("\n").filter(Boolean);
}

function listProcesses(): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " ");
        return words ? [`${pid} ${words}`] : [];
      } catch {
        return [];
      }
    });
}

/**
 * What is there now and was not before. Other tests run beside this one, so links, tables and processes count only when they
 * bear the engine's name.
 */
export function leftovers(before: Footprint, now: Footprint, name: string): string[] {
  const isOurs = (text: string) => text.includes(name);
  const added = (key: keyof Footprint, filter: (text: string) => boolean) =>
    [...now[key]].filter((text) => !before[key].has(text) && filter(text)).map((text) => `${key}: ${text}`);
  return [
    ...added("mounts", isOurs),
    ...added("links", isOurs),
    ...strayPairs(),
    ...added("tables", isOurs),
    ...added("cgroups", isOurs),
    ...added("processes", isOurs),
  ];
}

/** Nothing may be left of what bears that name. */
export async function checkGone(before: Footprint, name: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const left = leftovers(before, takeFootprint(), name);
    if (left.length === 0) return;
    // The kernel takes namespaces and their links down a moment after the last process.
    if (tries === 300) assert.deepEqual(left, [], "left on the machine");
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
