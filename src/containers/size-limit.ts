import { hasCode, invalid, messageOf } from "../errors.ts";
import type { HostConfig } from "../formats/docker-api/docker-api.ts";
import { parseSize } from "../formats/units.ts";
import { type Writable, writableIn } from "../images/writable.ts";
import { removeTree } from "../trees/trees.ts";
import { checkQuotas, dropQuota, findQuota, setQuota } from "../volumes/quotas.ts";
import type { ContainerRecord } from "./container.ts";
import { type Containers, folderOf } from "./containers.ts";

/** What a container may write beside its image and its volumes, in bytes (`--storage-opt size=`). @throws invalid in Docker's words */
function sizeLimitOf({ StorageOpt: options }: HostConfig): number | undefined {
  const unknown = Object.keys(options ?? {}).find((name) => name.toLowerCase() !== "size");
  if (unknown !== undefined) throw invalid(`Unknown option ${unknown}`);
  const [text] = Object.values(options ?? {});
  if (text === undefined) return undefined;
  try {
    // As with Docker 0 is no limit.
    return parseSize(text) || undefined;
  } catch (error) {
    throw invalid(messageOf(error), error);
  }
}

/** Before anything is made. @throws invalid that says what the file system lacks */
export function checkSizeLimit(containers: Containers, hostConfig: HostConfig): void {
  if (sizeLimitOf(hostConfig) === undefined) return;
  try {
    checkQuotas(containers.settings.root);
  } catch (error) {
    throw invalid(`--storage-opt size needs project quotas: ${messageOf(error)}`, error);
  }
}

/** Of new directories that are empty; what the overlay prepares in one it moves into the other. */
export function limitSize(containers: Containers, hostConfig: HostConfig, { upper, work }: Writable): void {
  const sizeBytes = sizeLimitOf(hostConfig);
  if (sizeBytes !== undefined) setQuota(containers.settings.root, [upper, work], sizeBytes);
}

/** Removes all of a container's files, and with them its limit. @throws an error with the system call's `code` */
export async function removeFiles(
  containers: Containers,
  { id, hostConfig }: ContainerRecord,
): Promise<void> {
  const { root } = containers.settings;
  const folder = folderOf(containers, id);
  const isLimited = Object.keys(hostConfig.StorageOpt ?? {}).length > 0;
  const quota = isLimited ? findQuota(root, writableIn(folder).upper) : undefined;
  await removeTree(folder).catch((error: unknown) => {
    // The supervisor may just have compressed a file of the log.
    if (!hasCode(error, "ENOTEMPTY")) throw error;
    return removeTree(folder);
  });
  if (quota !== undefined) dropQuota(root, quota);
}
