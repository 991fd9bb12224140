import {
  int64,
  type MessageOf,
  many,
  message,
  one,
  protoBool,
  protoBytes,
  protoMap,
  protoString,
} from "../wire/message.ts";
import { statusMessage } from "../wire/status.ts";
import { cacheEntry, workerRecord } from "./control.ts";
import { fileStat } from "./filesync.ts";
import { definition } from "./pb.ts";

/* Package `moby.buildkit.v1.frontend`, service LLBBridge. */

const capability = message({
  id: one(1, protoString),
  enabled: one(2, protoBool),
  deprecated: one(3, protoBool),
});

export const pongResponse = message({
  frontendCaps: many(1, capability),
  llbCaps: many(2, capability),
  workers: many(3, workerRecord),
});

export const bridgeSolveRequest = message({
  definition: one(1, definition),
  frontend: one(2, protoString),
  frontendOpt: protoMap(3, protoString),
  allowResultReturn: one(5, protoBool),
  allowResultArrayRef: one(6, protoBool),
  final: one(10, protoBool),
  exporterAttr: one(11, protoBytes),
  cacheImports: many(12, cacheEntry),
  frontendInputs: protoMap(13, definition),
  evaluate: one(14, protoBool),
});
export type BridgeSolveRequest = MessageOf<typeof bridgeSolveRequest>;

const ref = message({ id: one(1, protoString), def: one(2, definition) });

export const result = message({
  refDeprecated: one(1, protoString),
  refsDeprecated: one(2, message({ refs: protoMap(1, protoString) })),
  ref: one(3, ref),
  refs: one(4, message({ refs: protoMap(1, ref) })),
  metadata: protoMap(10, protoBytes),
});
export type Result = MessageOf<typeof result>;

export const bridgeSolveResponse = message({ ref: one(1, protoString), result: one(3, result) });

export const returnRequest = message({ result: one(1, result), error: one(2, statusMessage) });

const fileRange = message({ offset: one(1, int64), length: one(2, int64) });
export const readFileRequest = message({
  ref: one(1, protoString),
  path: one(2, protoString),
  range: one(3, fileRange),
});
export const readFileResponse = message({ data: one(1, protoBytes) });

export const statFileRequest = message({ ref: one(1, protoString), path: one(2, protoString) });
export const statFileResponse = message({ stat: one(1, fileStat) });

export const evaluateRequest = message({ ref: one(1, protoString) });
