import { internal } from "../errors.ts";
import { findMount, readMountTable } from "../sys/mount-table.ts";

/**
 * Refuses a propagation that the mount below the source does not have: nothing would ever come through.
 * @param realPath the source without links
 * @throws internal in Docker's words
 */
export function checkPropagation(source: string, realPath: string, propagation: string): void {
  const wantsShared = /^r?shared$/.test(propagation);
  if (!wantsShared && !/^r?slave$/.test(propagation)) return;
  const { mountpoint, isShared, isSlave } = findMount(realPath, readMountTable());
  if (wantsShared && !isShared)
    throw internal(`path ${source} is mounted on ${mountpoint} but it is not a shared mount`);
  if (!wantsShared && !isShared && !isSlave)
    throw internal(`path ${source} is mounted on ${mountpoint} but it is not a shared or slave mount`);
}
