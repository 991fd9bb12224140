import type { PathStat } from "../formats/docker-api-system.ts";
import type { FileChange } from "./diff.ts";

/** What is needed to reach a container's files. Paths are absolute. */
export interface ContainerFiles {
  /** For messages, as the user named the container. */
  id?: string;
  /** The layers below the container's own, topmost first. */
  lower: string[];
  upper: string;
  work: string;
  /** Of the container's first process, while it runs. */
  pid?: number;
  readOnlyRootfs?: boolean;
  /** Who the container runs as, for `copyUidGid`. */
  user?: { uid: number; gid: number };
  mounts: { source: string; destination: string; readOnly: boolean }[];
}

export interface WriteOptions {
  /** Refuse to put a file where a directory is, or the other way round. */
  noOverwriteDirNonDir: boolean;
  /** What is written belongs to the container's user rather than to the owners in the archive. */
  copyUidGid: boolean;
}

/** Descriptors in a job are the worker's to close. */
export type ArchiveJob =
  | { kind: "stat"; files: ContainerFiles; path: string }
  | { kind: "read"; files: ContainerFiles; path: string; outputFd: number }
  | { kind: "write"; files: ContainerFiles; path: string; inputFd: number; options: WriteOptions }
  | { kind: "export"; files: ContainerFiles; outputFd: number }
  | { kind: "changes"; files: ContainerFiles }
  | { kind: "size"; files: ContainerFiles };

export interface ArchiveResult {
  stat?: PathStat;
  changes?: FileChange[];
  sizeBytes?: number;
}
