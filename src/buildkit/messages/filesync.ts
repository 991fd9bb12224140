import {
  bigint64,
  int32,
  int64,
  type MessageOf,
  message,
  one,
  protoBytes,
  protoMap,
  protoString,
  protoUint32,
} from "../wire/message.ts";

/* What a client's session serves: packages `fsutil.types`, `moby.filesync.v1` and their neighbours. */

export const fileStat = message({
  path: one(1, protoString),
  mode: one(2, protoUint32),
  uid: one(3, protoUint32),
  gid: one(4, protoUint32),
  size: one(5, int64),
  /** Nanoseconds since the epoch. */
  modTime: one(6, bigint64),
  linkname: one(7, protoString),
  devmajor: one(8, int64),
  devminor: one(9, int64),
  xattrs: protoMap(10, protoBytes),
});
export type FileStat = MessageOf<typeof fileStat>;

export const packetType = { stat: 0, request: 1, data: 2, fin: 3, error: 4 } as const;

export const packet = message({
  type: one(1, int32),
  stat: one(2, fileStat),
  id: one(3, protoUint32),
  data: one(4, protoBytes),
});

export const credentialsRequest = message({ host: one(1, protoString) });
export const credentialsResponse = message({ username: one(1, protoString), secret: one(2, protoString) });

export const secretRequest = message({ id: one(1, protoString), annotations: protoMap(2, protoString) });
export const secretResponse = message({ data: one(1, protoBytes) });

export const checkAgentRequest = message({ id: one(1, protoString) });
