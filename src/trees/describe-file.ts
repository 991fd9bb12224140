import { type BigIntStats, readlinkSync } from "node:fs";
import { decodeDevice } from "../formats/device-number.ts";
import { modificationTime } from "../formats/tar/file-stats.ts";
import type { ByteString, FileType, TarEntry } from "../formats/tar/tar-entry.ts";
import { entryPath } from "../sys/safe-path.ts";
import { getXattr, listXattrs } from "../sys/xattr.ts";
import { isOverlayXattr } from "./whiteouts.ts";

/**
 * All that an archive has of a file but its name and its content.
 * @param type as `fileTypeOf` has it. @throws SystemError ENOENT, EINVAL when something else is in its place by now
 */
export function describeFile(
  parentFd: number,
  base: ByteString,
  type: FileType,
  stats: BigIntStats,
): Omit<TarEntry, "name" | "type"> & { type: FileType } {
  const path = entryPath(parentFd, base);
  const isDevice = type === "characterDevice" || type === "blockDevice";
  const { major, minor } = decodeDevice(stats.rdev);
  const xattrs = readXattrs(path);
  return {
    type,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    sizeBytes: type === "file" ? Number(stats.size) : 0,
    mtime: modificationTime(stats),
    ...(type === "symlink" && { linkName: readlinkSync(path, { encoding: "latin1" }) }),
    ...(isDevice && { deviceMajor: major, deviceMinor: minor }),
    ...(xattrs && { xattrs }),
  };
}

/** Those that belong to the file rather than to this machine's policy (SELinux labels, IMA hashes). */
function readXattrs(path: string | Buffer): Map<ByteString, Buffer> | undefined {
  let xattrs: Map<ByteString, Buffer> | undefined;
  for (const name of listXattrs(path)) {
    const isPolicy = name.startsWith("security.") && name !== "security.capability";
    const value = isPolicy || isOverlayXattr(name) ? undefined : getXattr(path, name);
    if (!value) continue;
    xattrs ??= new Map();
    xattrs.set(name, value);
  }
  return xattrs;
}
