import type { ByteString, FileTime } from "../../formats/tar/tar-entry.ts";

export type ContextEntryType =
  | "file"
  /** Another name of a file that came before. */
  | "link"
  | "symlink"
  | "directory"
  | "characterDevice"
  | "blockDevice"
  | "fifo";

/** A member of a directory tree that a client gives, or that was made of an archive. */
export interface ContextEntry {
  /** From the root, without a slash in front: "a/b". */
  path: ByteString;
  type: ContextEntryType;
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
