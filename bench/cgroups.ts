import { existsSync, readdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";

const mountPoint = "/sys/fs/cgroup";

/** Removes a cgroup and all below it in every hierarchy; the processes in it may still be on their way out. */
export async function removeCgroups(path: string): Promise<void> {
  const roots = [mountPoint, ...readdirSync(mountPoint).map((name) => join(mountPoint, name))];
  for (let tries = 0; tries < 50; tries++) {
    const left = roots.map((root) => join(root, path)).filter((folder) => existsSync(folder));
    if (left.length === 0) return;
    for (const folder of left) removeTree(folder);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function removeTree(folder: string): void {
  try {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      if (entry.isDirectory()) removeTree(join(folder, entry.name));
    }
    rmdirSync(folder);
  } catch {
    // Still in use: the caller tries again.
  }
}
