import type { Builder } from "../build/builder.ts";
import {
  bytesMessage,
  diskUsageRequest,
  diskUsageResponse,
  infoResponse,
  listWorkersRequest,
  listWorkersResponse,
  pruneRequest,
  type SolveRequest,
  solveRequest,
  solveResponse,
  statusRequest,
  statusResponse,
  usageRecord,
} from "../buildkit/messages/control.ts";
import { empty } from "../buildkit/messages/pb.ts";
import { duplex, type Method, serverStream, unary } from "../buildkit/wire/server.ts";
import { runnablePlatforms } from "../sys/foreign-platforms.ts";
import { exportsOf } from "./caches.ts";
import type { Door } from "./door.ts";
import { describeFailure } from "./errors.ts";
import { exportResults } from "./export.ts";
import { announceBuild, recordBuild } from "./history.ts";
import { encodeTime } from "./job-events.ts";
import { openTunnel } from "./tunnel.ts";

const statusPatienceMilliseconds = 6000;

/** The service moby.buildkit.v1.Control: what BuildKit's clients ask of a builder. */
export function controlMethods(door: Door): [string, Method][] {
  const service = (name: string, method: Method): [string, Method] => [
    `/moby.buildkit.v1.Control/${name}`,
    method,
  ];
  return [
    service(
      "Solve",
      unary(solveRequest, solveResponse, (request, { signal }) => solve(door, request, signal)),
    ),
    service(
      "Status",
      serverStream(statusRequest, statusResponse, async ({ ref }, call) => {
        if (!door.jobs.isThere(ref) && (await door.history.find(ref))) {
          for await (const update of door.history.progressOf(ref)) await call.send(update);
          return;
        }
        const job = await door.jobs.get(ref, statusPatienceMilliseconds);
        for await (const update of job.events.follow(call.signal)) await call.send(update);
      }),
    ),
    service(
      "ListWorkers",
      unary(listWorkersRequest, listWorkersResponse, async () => ({ record: [await describeWorker(door)] })),
    ),
    service(
      "Info",
      unary(empty, infoResponse, () => ({ buildkitVersion: versionOf(door) })),
    ),
    service(
      "DiskUsage",
      unary(diskUsageRequest, diskUsageResponse, async ({ filter }) => ({
        record: (await door.builder.usage(filter)).map(encodeUsage),
      })),
    ),
    service(
      "Prune",
      serverStream(pruneRequest, usageRecord, async (request, call) => {
        const pruned = await door.builder.prune({
          filters: request.filter,
          all: request.all,
          keepMilliseconds: Number(request.keepDuration / 1_000_000n),
          reservedBytes: request.reservedSpace,
          maxUsedBytes: request.maxUsedSpace,
          minFreeBytes: request.minFreeSpace,
        });
        for (const record of pruned) await call.send(encodeUsage(record));
      }),
    ),
    service(
      "Session",
      duplex(bytesMessage, bytesMessage, (requests, call) => openTunnel(door.sessions, requests, call)),
    ),
  ];
}

type Usage = Awaited<ReturnType<Builder["usage"]>>[number];

function encodeUsage(record: Usage) {
  const {
    id,
    isMutable,
    inUse,
    sizeBytes,
    createdAt,
    lastUsedAt,
    usageCount,
    description,
    type,
    isShared,
    parents,
  } = record;
  return {
    ...{ id, mutable: isMutable, inUse, size: sizeBytes, usageCount, description, recordType: type },
    ...{ shared: isShared, parents, createdAt: encodeTime(createdAt), lastUsedAt: encodeTime(lastUsedAt) },
  };
}

function versionOf({ version }: Door) {
  return { package: "github.com/moby/buildkit", version: `v0.25.2-berth-${version}`, revision: "" };
}

const labelPrefix = "org.mobyproject.buildkit.worker";

export async function describeWorker(door: Door) {
  const gateway = door.hostGateway();
  const rules = await door.builder.garbageRules();
  const platforms = runnablePlatforms().map((platform) => ({ variant: "", ...platform }));
  return {
    id: "berth",
    labels: new Map([
      // Clients take its presence for what the store can keep and export: indexes, layouts, several platforms.
      [`${labelPrefix}.snapshotter`, "overlayfs"],
      ...(gateway ? [[`${labelPrefix}.moby.host-gateway-ip`, gateway] as const] : []),
    ]),
    platforms,
    gcPolicy: rules.map((rule) => ({
      ...{
        all: rule.all,
        filters: [...rule.filters],
        keepDuration: BigInt(Math.round(rule.keepMilliseconds)) * 1_000_000n,
      },
      ...{
        reservedSpace: rule.reservedBytes,
        maxUsedSpace: rule.maxUsedBytes,
        minFreeSpace: rule.minFreeBytes,
      },
    })),
    buildkitVersion: versionOf(door),
  };
}

/** Waits for what the client makes of the build, and exports it. @throws GrpcError */
async function solve(door: Door, request: SolveRequest, signal: AbortSignal) {
  try {
    door.builder.checkEntitlements(request.entitlements);
    exportsOf(request);
  } catch (error) {
    throw describeFailure(error);
  }
  const job = door.jobs.begin(request, signal);
  announceBuild(door, job);
  let outcome: Parameters<typeof recordBuild>[2] = { error: new Error("context canceled") };
  const given = Promise.withResolvers<never>();
  given.promise.catch(() => {});
  const giveUp = () => given.reject(new Error("context canceled"));
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    const returned = await Promise.race([job.returned.promise, given.promise]);
    if ("error" in returned) throw returned.error;
    const exporterResponse = await Promise.race([exportResults(door, job, returned.results), given.promise]);
    outcome = { response: exporterResponse };
    return { exporterResponse };
  } catch (error) {
    outcome = { error };
    throw describeFailure(error);
  } finally {
    signal.removeEventListener("abort", giveUp);
    door.jobs.end(job);
    await recordBuild(door, job, outcome);
  }
}
