/* What Docker has no operations for: files of images and containers, looked at one by one. */

export type FileKind = "directory" | "file" | "link" | "device" | "fifo" | "socket";

/** A name in a layer: a line of `GET /berth/images/NAME/layers/N/entries`. */
export interface LayerEntry {
  /** From the root, without a slash in front. Bytes that are not valid UTF-8 become U+FFFD. */
  Path: string;
  /** `hardlink`: another name of a file of the same layer, which has the bytes. `whiteout`: layers below have it, the image has not. */
  Kind: FileKind | "hardlink" | "whiteout";
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  Mode: number;
  UID: number;
  GID: number;
  /** Bytes of a file; 0 for all else. */
  Size: number;
  /** Where a link leads; of a hard link, the path that has the bytes. */
  Target?: string;
  /** Of a directory: nothing of the same one in layers below shows through. */
  Replaces?: true;
}

/** A layer of an image, the base being number 0. */
export interface AnalyzedLayer {
  Number: number;
  /** Its diffID. */
  Digest: string;
  /** The step that made it, as `history` gives it; empty when the image does not say. */
  CreatedBy: string;
  Comment: string;
  /** RFC 3339; empty when the image does not say. */
  Created: string;
  /** Bytes of its files. */
  Size: number;
  /** How many names it adds, modifies and removes. */
  Added: number;
  Modified: number;
  Removed: number;
}

/** A path whose bytes lie in the image and cannot be seen in it. */
export interface WastedFile {
  Path: string;
  /** How many layers have a file of that name. */
  Copies: number;
  Bytes: number;
}

/** `GET /berth/images/NAME/layers`. */
export interface ImageAnalysis {
  /** The image's id. */
  Image: string;
  Layers: AnalyzedLayer[];
  /** Bytes of the files of all layers. */
  Size: number;
  /** Those of them that later layers replace or remove. */
  WastedBytes: number;
  /** The part of Size that the image shows: 1 is best. */
  Efficiency: number;
  /** WastedBytes as a part of what lies above the base layer. */
  UserWastedPercent: number;
  /** How many paths waste bytes. */
  WastedFiles: number;
  /** The hundred that waste most. */
  Wasted: WastedFile[];
}

/** A name in a container's directory. */
export interface ContainerFile {
  /** Bytes that are not valid UTF-8 become U+FFFD. */
  Name: string;
  /** `unknown` for what cannot be looked at. */
  Kind: FileKind | "unknown";
  /** Permission bits with setuid, setgid and sticky: 0 to 0o7777. */
  Mode: number;
  UID: number;
  GID: number;
  /** Bytes of a file; 0 for all else. */
  Size: number;
  /** Unix time in seconds. */
  Modified: number;
  /** Of a link, as it stands there. */
  Target?: string;
}

/** `GET /berth/containers/ID/files`. */
export interface ContainerDirectory {
  /** Of a container with all links followed, of a volume as it was asked for. */
  Path: string;
  /** By name. */
  Entries: ContainerFile[];
  /** How many more there are, which are not listed. */
  More: number;
}
