import type { Selection } from "./select-sources.ts";

/** A tree to copy from, as plain data. */
export type SourceRef =
  /** A file for `openStoredTree`. */
  | { kind: "stored"; path: string }
  /** A directory as it is. */
  | { kind: "folder"; path: string }
  /** Directories of layers, topmost first. */
  | { kind: "layers"; lower: string[] }
  /** Files that a Dockerfile holds. */
  | { kind: "inline"; files: { name: string; content: string; mode?: number }[] };

/** Mode bits, or what they become of what they are: "u+x,go-w". */
export type ModeChange = string;

export interface FileOwner {
  uid: number;
  gid: number;
}

export interface CopyAction {
  source: SourceRef;
  selections: Selection[];
  /** Absolute; what ends in a slash is a directory. */
  destination: string;
  /** Instead of the sources' own. */
  owner?: FileOwner;
  mode?: ModeChange;
  exclude: readonly string[];
  /** The directories on the way to a source are made too. */
  parents: boolean;
  /** Archives are unpacked: those that are some, or all, or none. */
  unpack: "never" | "archives";
}

/** The root file system that is copied into. */
export interface StepTarget {
  /** Topmost first. None: what is below is not to be seen. */
  lower: string[];
  upper: string;
  work: string;
}
