import {
  bigint64,
  int32,
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
import { definition, platform, progressGroup, range, sourceInfo } from "./pb.ts";

/* Package `moby.buildkit.v1`, service Control. */

/** google.protobuf.Timestamp */
export const time = message({ seconds: one(1, int64), nanos: one(2, int32) });

const exporter = message({ type: one(1, protoString), attrs: protoMap(2, protoString) });
export const cacheEntry = message({ type: one(1, protoString), attrs: protoMap(2, protoString) });

export const solveRequest = message({
  ref: one(1, protoString),
  definition: one(2, definition),
  /** Of clients that know one exporter only. */
  exporter: one(3, protoString),
  exporterAttrs: protoMap(4, protoString),
  session: one(5, protoString),
  frontend: one(6, protoString),
  frontendAttrs: protoMap(7, protoString),
  cache: one(8, message({ exports: many(4, cacheEntry), imports: many(5, cacheEntry) })),
  entitlements: many(9, protoString),
  internal: one(11, protoBool),
  exporters: many(13, exporter),
});
export type SolveRequest = MessageOf<typeof solveRequest>;

export const solveResponse = message({ exporterResponse: protoMap(1, protoString) });

export const statusRequest = message({ ref: one(1, protoString) });

const vertex = message({
  digest: one(1, protoString),
  inputs: many(2, protoString),
  name: one(3, protoString),
  cached: one(4, protoBool),
  started: one(5, time),
  completed: one(6, time),
  error: one(7, protoString),
  progressGroup: one(8, progressGroup),
});

const vertexStatus = message({
  id: one(1, protoString),
  vertex: one(2, protoString),
  name: one(3, protoString),
  current: one(4, int64),
  total: one(5, int64),
  timestamp: one(6, time),
  started: one(7, time),
  completed: one(8, time),
});

const vertexLog = message({
  vertex: one(1, protoString),
  timestamp: one(2, time),
  stream: one(3, int64),
  message: one(4, protoBytes),
});

const vertexWarning = message({
  vertex: one(1, protoString),
  level: one(2, int64),
  short: one(3, protoBytes),
  detail: many(4, protoBytes),
  url: one(5, protoString),
  info: one(6, sourceInfo),
  ranges: many(7, range),
});

export const statusResponse = message({
  vertexes: many(1, vertex),
  statuses: many(2, vertexStatus),
  logs: many(3, vertexLog),
  warnings: many(4, vertexWarning),
});
export type StatusResponse = MessageOf<typeof statusResponse>;

export const usageRecord = message({
  id: one(1, protoString),
  mutable: one(2, protoBool),
  inUse: one(3, protoBool),
  size: one(4, int64),
  createdAt: one(6, time),
  lastUsedAt: one(7, time),
  usageCount: one(8, int64),
  description: one(9, protoString),
  recordType: one(10, protoString),
  shared: one(11, protoBool),
  parents: many(12, protoString),
});

export const diskUsageRequest = message({ filter: many(1, protoString), ageLimit: one(2, bigint64) });
export const diskUsageResponse = message({ record: many(1, usageRecord) });

export const pruneRequest = message({
  filter: many(1, protoString),
  all: one(2, protoBool),
  keepDuration: one(3, bigint64),
  reservedSpace: one(4, int64),
  maxUsedSpace: one(5, int64),
  minFreeSpace: one(6, int64),
});

export const buildkitVersion = message({
  package: one(1, protoString),
  version: one(2, protoString),
  revision: one(3, protoString),
});

const gcPolicy = message({
  all: one(1, protoBool),
  keepDuration: one(2, bigint64),
  reservedSpace: one(3, int64),
  filters: many(4, protoString),
  maxUsedSpace: one(5, int64),
  minFreeSpace: one(6, int64),
});

export const workerRecord = message({
  id: one(1, protoString),
  labels: protoMap(2, protoString),
  platforms: many(3, platform),
  gcPolicy: many(4, gcPolicy),
  buildkitVersion: one(5, buildkitVersion),
});

export const listWorkersRequest = message({ filter: many(1, protoString) });
export const listWorkersResponse = message({ record: many(1, workerRecord) });
export const infoResponse = message({ buildkitVersion: one(1, buildkitVersion) });

export const bytesMessage = message({ data: one(1, protoBytes) });

const descriptor = message({
  mediaType: one(1, protoString),
  digest: one(2, protoString),
  size: one(3, int64),
  annotations: protoMap(5, protoString),
});

const resultInfo = message({
  result: one(1, descriptor),
  attestations: many(2, descriptor),
});

export const historyRecord = message({
  ref: one(1, protoString),
  frontend: one(2, protoString),
  frontendAttrs: protoMap(3, protoString),
  exporters: many(4, exporter),
  error: one(5, statusMessage),
  createdAt: one(6, time),
  completedAt: one(7, time),
  logs: one(8, descriptor),
  exporterResponse: protoMap(9, protoString),
  result: one(10, resultInfo),
  results: protoMap(11, resultInfo),
  generation: one(12, int32),
  trace: one(13, descriptor),
  pinned: one(14, protoBool),
  numCachedSteps: one(15, int32),
  numTotalSteps: one(16, int32),
  numCompletedSteps: one(17, int32),
  externalError: one(18, descriptor),
  numWarnings: one(19, int32),
});

export const historyRequest = message({
  activeOnly: one(1, protoBool),
  ref: one(2, protoString),
  earlyExit: one(3, protoBool),
  filter: many(4, protoString),
  limit: one(5, int32),
});
/** `type`: 0 started, 1 complete, 2 deleted. */
export const historyEvent = message({ type: one(1, int32), record: one(2, historyRecord) });
export const updateHistoryRequest = message({
  ref: one(1, protoString),
  pinned: one(2, protoBool),
  delete: one(3, protoBool),
  finalize: one(4, protoBool),
});
