import { internal } from "../errors.ts";
import { findMount, type MountTable } from "../sys/mount-table.ts";

/**
 * Refuses a propagation that the mount below the source does not have: nothing would ever come through.
 * @param realPath the source without links
 * @param table asked for only where it matters
 * @throws internal in Docker's words
 */
export function checkPropagation(
  source: string,
  realPath: string,
  propagation: string,
  table: () => MountTable,
): void {
  const wantsShared = /^r?shared$/.test(propagation);
  if (!wantsShared && !/^r?slave$/.test(propagation)) return;
  const { mountpoint, isShared, isSlave } = findMount(realPath, table());
  if (wantsShared && !isShared)
    throw internal(`path ${source} is mounted on ${mountpoint} but it is not a shared mount`);
  if (!wantsShared && !isShared && !isSlave)
    throw internal(`path ${source} is mounted on ${mountpoint} but it is not a shared or slave mount`);
}
