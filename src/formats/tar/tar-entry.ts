/**
 * A string of which each character is one byte (0–255), as Node's "latin1" decodes it. Names in archives and file
 * systems are bytes, not text: as such a string they survive whatever their encoding is.
 */
export type ByteString = string;

export interface FileTime {
  /** Unix time; may be negative. */
  seconds: number;
  /** 0 to 999,999,999. */
  nanoseconds: number;
}

export type TarEntryType =
  | "file"
  | "link"
  | "symlink"
  | "characterDevice"
  | "blockDevice"
  | "directory"
  | "fifo";

/** What is found in a directory: a link is another name of a file there. */
export type FileType = Exclude<TarEntryType, "link">;

/** One member of an archive, with its PAX and GNU extensions applied. */
export interface TarEntry {
  /** As it stands in the archive: it may be absolute, hold `..` or end in a slash. */
  name: ByteString;
  type: TarEntryType;
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of data that follow; 0 for all but files. */
  sizeBytes: number;
  mtime: FileTime;
  /** The target of a link or symlink. */
  linkName?: ByteString;
  deviceMajor?: number;
  deviceMinor?: number;
  /** It has holes; `sizeBytes` counts them. */
  isSparse?: boolean;
  /** By full name, such as `security.capability`. */
  xattrs?: Map<ByteString, Buffer>;
}

/** The type flag of each type in a header. */
export const typeFlags: Record<TarEntryType, string> = {
  file: "0",
  link: "1",
  symlink: "2",
  characterDevice: "3",
  blockDevice: "4",
  directory: "5",
  fifo: "6",
};

/** Headers describe a file; this large they are an attack (Go's archive/tar has the same limit). */
export const extensionLimitBytes = 1024 * 1024;

export const blockBytes = 512;

/** The zeros after `sizeBytes` of data that fill the last block. */
export function paddingAfter(sizeBytes: number): number {
  return (blockBytes - (sizeBytes % blockBytes)) % blockBytes;
}

/** For text that people typed or that a JSON document holds. */
export function bytesOfText(text: string): ByteString {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** For messages and JSON; what is not UTF-8 becomes U+FFFD. */
export function textOfBytes(bytes: ByteString): string {
  return Buffer.from(bytes, "latin1").toString("utf8");
}
