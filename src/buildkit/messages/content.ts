import { int32, int64, message, one, protoBytes, protoMap, protoString } from "../wire/message.ts";

/* Package `containerd.services.content.v1`: blobs by digest. */

const info = message({
  digest: one(1, protoString),
  size: one(2, int64),
  labels: protoMap(5, protoString),
});
export const infoRequest = message({ digest: one(1, protoString) });
export const infoResponse = message({ info: one(1, info) });

/** Of size 0: to the end. */
export const readContentRequest = message({
  digest: one(1, protoString),
  offset: one(2, int64),
  size: one(3, int64),
});
export const readContentResponse = message({ offset: one(1, int64), data: one(2, protoBytes) });

export const writeAction = { stat: 0, write: 1, commit: 2 } as const;

/** Each of them is answered. */
export const writeContentRequest = message({
  action: one(1, int32),
  /** Names the write. */
  ref: one(2, protoString),
  total: one(3, int64),
  expected: one(4, protoString),
  offset: one(5, int64),
  data: one(6, protoBytes),
  labels: protoMap(7, protoString),
});
export const writeContentResponse = message({
  action: one(1, int32),
  offset: one(4, int64),
  total: one(5, int64),
  digest: one(6, protoString),
});

/* In the answer to a build, descriptors as JSON. */

/** Of the cache that was written. */
export const cacheManifestKey = "cache.manifest";
/** Of the cache in one directory, by the client's name for it: "local:PATH". BuildKit's clients read one key for all. */
export const storeManifestKey = (store: string) => `${cacheManifestKey}.${store}`;
/** An attribute of a cache that goes to a directory: the client puts into its index what is answered for this directory. */
export const ownIndexAttribute = "berth.own-index";
