import { randomInt } from "node:crypto";
import { realpathSync } from "node:fs";
import { hasCode, invalid } from "../errors.ts";
import { findMount, readMountTable } from "../sys/mount-table.ts";
import {
  clearLimit,
  hasProjectQuotas,
  isProjectFree,
  limitDirectory,
  projectOf,
} from "../sys/project-quota.ts";

/** Smaller numbers are for people to give. */
const firstProject = 1 << 20;
const lastProject = 2 ** 31;

const needs: Record<string, string> = {
  ext4: "is not mounted with the option prjquota, for which it needs the features quota and project",
  xfs: "is not mounted with the option prjquota",
};

/** @param root where what is to be limited will be. @throws invalid that says what the file system lacks */
export function checkQuotas(root: string): void {
  if (hasProjectQuotas(root)) return;
  const { mountpoint, type } = findMount(realpathSync(root), readMountTable());
  const lacks = needs[type] ?? "has no project quotas";
  throw invalid(`quota size requested but no quota support: ${type} on ${mountpoint} ${lacks}`);
}

/** Limits what will be in new directories, together. @throws invalid */
export function setQuota(root: string, directories: readonly string[], sizeBytes: number): void {
  checkQuotas(root);
  let project = 0;
  do project = randomInt(firstProject, lastProject);
  while (!isProjectFree(root, project));
  for (const directory of directories) limitDirectory(directory, project, sizeBytes);
}

/** The project whose limit goes with a directory; undefined for none of its own. */
export function findQuota(root: string, directory: string): number | undefined {
  try {
    const project = projectOf(directory);
    return project === 0 || project === projectOf(root) ? undefined : project;
  } catch (error) {
    // Of a file system without projects, or of what is not there.
    if (
      ["ENOTTY", "EOPNOTSUPP", "ENOSYS", "EINVAL", "ENOENT", "ENOTDIR", "ELOOP"].some((code) =>
        hasCode(error, code),
      )
    )
      return undefined;
    throw error;
  }
}

/** Silent where the file system has lost its quotas meanwhile. */
export function dropQuota(root: string, project: number): void {
  if (hasProjectQuotas(root)) clearLimit(root, project);
}
