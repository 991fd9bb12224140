import { oneOf, required } from "../formats/record-shape.ts";
import { type Decoded, flag, optional, struct, text } from "../formats/shape.ts";

export const resolvedMountShape = struct("ResolvedMount", {
  type: required(oneOf("bind", "volume", "tmpfs", "image")),
  /** Of a volume, or an image as the user called it. */
  name: optional(text),
  /** Host path; "" for tmpfs. */
  source: text,
  destination: required(text),
  /** As `inspect` shows it. */
  mode: text,
  readOnly: flag,
  /** Of a bind: "rprivate" unless the user said otherwise; "" for volumes and tmpfs. */
  propagation: text,
  /** Image content at the destination goes into the volume while that is empty. */
  copyUp: flag,
  /** Made for this container: goes with it on `rm -v` and `run --rm`. */
  isAnonymous: flag,
  /** A missing source is made, as -v does, instead of refused. */
  createSource: flag,
  /** A bind without the mounts below its source. */
  isNonRecursive: flag,
  /** What becomes of the mounts below a read-only source: they stay as they are, must be read-only, or "" for what the kernel can. */
  below: oneOf("", "writable", "readonly"),
  /** Of a volume or an image: the only part of it to mount; "" for all. */
  subpath: text,
  /** Of an image: the one that had the name at the creation. */
  imageId: text,
  /** mount(8) options of a tmpfs: "size=64m,mode=1777". */
  tmpfsOptions: text,
  /** Not from `HostConfig.Tmpfs`, which Docker's inspect does not list under Mounts. */
  isListed: flag,
});

/** What a container mounts, settled at its create; stored with it. */
export type ResolvedMount = Decoded<typeof resolvedMountShape>;
