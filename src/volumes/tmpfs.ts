import { statSync } from "node:fs";
import { dirname } from "node:path";
import { invalid, messageOf } from "../errors.ts";
import { detach, mount } from "../sys/mount.ts";

/** Options that mount(2) takes as flags and not as text. */
const flags: Record<string, number> = { ro: 1, nosuid: 2, nodev: 4, noexec: 8, sync: 16, noatime: 1024 };
const defaults = ["rw", "suid", "dev", "exec", "async", "relatime", "atime"];

function isMounted(directory: string): boolean {
  return statSync(directory).dev !== statSync(dirname(directory)).dev;
}

/** Mounts a tmpfs for all containers of the volume, unless it is there. `options` as mount(8) takes them. @throws invalid */
export function mountTmpfs(directory: string, options: string): void {
  if (isMounted(directory)) return;
  const given = options.split(",").filter((option) => option !== "" && !defaults.includes(option));
  const bits = given.reduce((all, option) => all | (flags[option] ?? 0), 0);
  const data = given.filter((option) => flags[option] === undefined).join(",");
  try {
    mount("tmpfs", directory, "tmpfs", bits, data);
  } catch (error) {
    throw invalid(
      `failed to mount local volume: ${messageOf(error)}, type: tmpfs, options: "${options}"`,
      error,
    );
  }
}

export function unmountTmpfs(directory: string): void {
  if (isMounted(directory)) detach(directory);
}
