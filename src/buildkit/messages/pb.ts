import {
  int32,
  int64,
  type MessageType,
  many,
  message,
  one,
  protoBool,
  protoBytes,
  protoMap,
  protoString,
} from "../wire/message.ts";

/* Package `pb` of BuildKit: definitions that clients send, and where in a file something stands. */

export const platform = message({
  architecture: one(1, protoString),
  os: one(2, protoString),
  variant: one(3, protoString),
  osVersion: one(4, protoString),
  osFeatures: many(5, protoString),
});

const position = message({ line: one(1, int32), character: one(2, int32) });
export const range = message({ start: one(1, position), end: one(2, position) });

/** Without the definition that BuildKit may have made it from. */
export const sourceInfo = message({
  filename: one(1, protoString),
  data: one(2, protoBytes),
  language: one(4, protoString),
});

const opMetadata = message({ ignoreCache: one(1, protoBool), description: protoMap(2, protoString) });

export const definition = message({ def: many(1, protoBytes), metadata: protoMap(2, opMetadata) });

/** Of a definition's operations sources alone. */
export const op = message({
  inputs: many(1, message({ digest: one(1, protoString), index: one(2, int64) })),
  source: one(3, message({ identifier: one(1, protoString), attrs: protoMap(2, protoString) })),
});

export const progressGroup = message({
  id: one(1, protoString),
  name: one(2, protoString),
  weak: one(3, protoBool),
});

/** Messages without anything in them. */
export const empty: MessageType<Record<never, never>> = message({});
