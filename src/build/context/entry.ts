import type { ByteString, FileTime, TarEntryType } from "../../formats/tar/tar-entry.ts";

/** A member of a directory tree that a client gives, or that was made of an archive. */
export interface ContextEntry {
  /** From the root, without a slash in front: "a/b". */
  path: ByteString;
  type: TarEntryType;
  /** Permission bits with setuid, setgid and sticky. */
  mode: number;
  uid: number;
  gid: number;
  sizeBytes: number;
  mtime: FileTime;
  /** The text of a symlink; the path of a link's file. */
  linkName?: ByteString;
  deviceMajor?: number;
  deviceMinor?: number;
  xattrs?: ReadonlyMap<ByteString, Buffer>;
  /** The same for all names of one file; undefined for one with a single name. */
  identity?: string;
}
