import type { ContainerDirectory } from "../../formats/docker-api/docker-api-layers.ts";
import type { PathStat } from "../../formats/docker-api/docker-api-system.ts";
import type { IdMapping } from "../../formats/id-mapping.ts";
import type { FileChange } from "../../trees/diff.ts";
import type { LocalMount } from "../../volumes/local-options.ts";

/** What is needed to reach a container's files. Paths are absolute. */
export interface ContainerFiles {
  /** For messages, as the user named the container. */
  id?: string;
  /** The layers below the container's own, topmost first. */
  lower: string[];
  upper: string;
  work: string;
  /** The container's first process, while it runs. */
  process?: { pid: number; startTicks: number };
  /** What the user namespace maps that it runs in, where that is not the machine's own. */
  mapping?: IdMapping;
  readOnlyRootfs?: boolean;
  /** Who the container runs as, for `copyUidGid`. */
  user?: { uid: number; gid: number };
  mounts: MountedFiles[];
}

export interface MountedFiles {
  source: string;
  destination: string;
  readOnly: boolean;
  /** The only part of the source to mount. */
  subpath?: string;
  /** What is to be mounted at the source, unless it is. */
  local?: LocalMount;
  /** Instead of the source: the layers of an image, topmost first. */
  layers?: string[];
}

export interface WriteOptions {
  /** Refuse to put a file where a directory is, or the other way round. */
  noOverwriteDirNonDir: boolean;
  /** What is written belongs to the container's user rather than to the owners in the archive. */
  copyUidGid: boolean;
}

/** Descriptors in a job stay the caller's to close. */
export type ArchiveJob =
  | { kind: "stat"; files: ContainerFiles; path: string }
  | { kind: "list"; files: ContainerFiles; path: string }
  | { kind: "read"; files: ContainerFiles; path: string; outputFd: number }
  | { kind: "write"; files: ContainerFiles; path: string; inputFd: number; options: WriteOptions }
  | { kind: "makeDirectory"; files: ContainerFiles; path: string }
  | { kind: "export"; files: ContainerFiles; outputFd: number }
  | { kind: "changes"; files: ContainerFiles };

export interface ArchiveResult {
  stat?: PathStat;
  directory?: ContainerDirectory;
  changes?: FileChange[];
}
