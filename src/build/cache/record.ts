import { items, kindOf, required } from "../../formats/record-shape.ts";
import { type Decoded, integer, optional, struct, text } from "../../formats/shape.ts";

/** What a step has made, by what it depended on. */
const cacheShape = struct("BuildCache", {
  /** Names the snapshot that keeps the layers, and is what clients see. */
  id: required(text),
  /** Of all that the step depends on. */
  key: required(text),
  /** Of the same, told without what the step takes from elsewhere; the newest last. */
  moreKeys: optional(items(text)),
  /** chainIDs, base first; the last one is what the step has made. */
  layers: required(items(text)),
  /** As progress showed the step. */
  description: text,
  /** Bytes of file content of the step's own layer. */
  sizeBytes: integer("int64"),
  /** Milliseconds since the epoch. */
  createdAt: integer("int64"),
  lastUsedAt: integer("int64"),
  usageCount: integer("int64"),
});
export type CacheRecord = Decoded<typeof cacheShape>;
export const cacheKind = kindOf("buildCache", cacheShape);

/** A directory that RUN --mount=type=cache keeps. */
const mountShape = struct("BuildCacheMount", {
  id: required(text),
  /** What the mount is called, with its namespace. */
  name: required(text),
  /** What it was made as, besides its name: see `variantOf`. Absent for one that serves all mounts of its name. */
  variant: optional(text),
  description: text,
  createdAt: integer("int64"),
  lastUsedAt: integer("int64"),
  usageCount: integer("int64"),
});
export type CacheMountRecord = Decoded<typeof mountShape>;
export const cacheMountKind = kindOf("buildCacheMounts", mountShape);

/** A step that runs: what a daemon that is killed meanwhile leaves. */
const stepShape = struct("BuildStep", { id: required(text), snapshot: required(text) });
export type StepRecord = Decoded<typeof stepShape>;
export const stepKind = kindOf("buildSteps", stepShape);
