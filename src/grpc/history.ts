import {
  historyEvent,
  historyRequest,
  type StatusResponse,
  updateHistoryRequest,
} from "../buildkit/messages/control.ts";
import { empty } from "../buildkit/messages/pb.ts";
import type { Given, MessageOf } from "../buildkit/wire/message.ts";
import { type Method, serverStream, unary } from "../buildkit/wire/server.ts";
import { code, GrpcError } from "../buildkit/wire/status.ts";
import { messageOf } from "../errors.ts";
import { redactAddresses } from "../formats/redact-address.ts";
import type { Door } from "./door.ts";
import { compileHistoryFilters } from "./history-filter.ts";
import type { HistoryRecord } from "./history-store.ts";
import { encodeTime } from "./job-events.ts";
import type { Job } from "./jobs.ts";

/* Builds that run and builds that are over, for those who ask for them later. */

type Event = Given<MessageOf<typeof historyEvent>>;
const [started, complete, deleted] = [0, 1, 2];

export function historyMethods(door: Door): [string, Method][] {
  return [
    [
      "/moby.buildkit.v1.Control/ListenBuildHistory",
      serverStream(
        historyRequest,
        historyEvent,
        async ({ ref, activeOnly, earlyExit, limit, filter }, call) => {
          const fits = compileHistoryFilters(filter);
          const isMeant = (record: Given<HistoryRecord>, isActive: boolean) =>
            (ref === "" || record.ref === ref) && fits({ record, isActive });
          // Before what is there is read: a build may end meanwhile.
          const news = earlyExit
            ? undefined
            : listen(
                door,
                call,
                ({ record, type }) => record !== undefined && isMeant(record, type === started),
              );
          const past = activeOnly ? [] : await door.history.list();
          const active = door.jobs.list().filter(isShown).map(describeJob);
          const isActive = new Set(active.map(({ ref }) => ref));
          const over = past.filter((record) => isMeant(record, false) && !isActive.has(record.ref));
          const events: Event[] = [
            ...active.filter((record) => isMeant(record, true)).map((record) => ({ type: started, record })),
            ...over.map((record) => ({ type: complete, record })),
          ];
          try {
            for (const event of limit > 0 ? events.slice(0, limit) : events) await call.send(event);
            await news?.follow();
          } finally {
            news?.close();
          }
        },
      ),
    ],
    [
      "/moby.buildkit.v1.Control/UpdateBuildHistory",
      unary(updateHistoryRequest, empty, async (request) => {
        const record = await door.history.find(request.ref);
        if (!record) throw new GrpcError(code.notFound, `record ${request.ref} not found`);
        if (request.delete) {
          await door.history.remove(request.ref);
          door.historyListeners.tell({ type: deleted, record });
        } else if (!request.finalize) await door.history.pin(request.ref, request.pinned);
        return {};
      }),
    ],
  ];
}

/** Records, of up to 4 MiB each, that may wait for a client that reads slowly. */
const mostWaiting = 100;

/** What happens from now on waits until it is followed. */
function listen(
  { historyListeners: { listeners } }: Door,
  call: { signal: AbortSignal; send(event: Event): Promise<void> },
  fits: (event: Event) => boolean,
) {
  const waiting: Event[] = [];
  let wake = () => {};
  const listener = (event: Event) => {
    if (!fits(event) || waiting.length > mostWaiting) return;
    waiting.push(event);
    wake();
  };
  listeners.add(listener);
  call.signal.addEventListener("abort", () => wake(), { once: true });
  return {
    close: () => listeners.delete(listener),
    async follow(): Promise<void> {
      while (!call.signal.aborted) {
        if (waiting.length > mostWaiting)
          throw new GrpcError(
            code.resourceExhausted,
            "the client does not keep up with the builds: listen again",
          );
        const event = waiting.shift();
        if (event) await call.send(event);
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

const isShown = ({ request, isEnded }: Job) => !request.internal && !isEnded;

function describeJob({ ref, request, startedAt }: Job): Given<HistoryRecord> {
  const { exporters } = request;
  const given = [...request.frontendAttrs].map(([key, value]) => [key, redactAddresses(value)] as const);
  const frontendAttrs = new Map(given);
  return {
    ...{ ref, frontend: "dockerfile.v0", frontendAttrs, createdAt: encodeTime(startedAt) },
    // What dockerd's own exporter makes is an image.
    exporters: exporters.map(({ type, attrs }) => ({ type: type === "moby" ? "image" : type, attrs })),
  };
}

export function announceBuild(door: Door, job: Job): void {
  if (!job.request.internal) door.historyListeners.tell({ type: started, record: describeJob(job) });
}

/** Keeps a build that has ended. What fails is logged: the build's outcome is known. */
export async function recordBuild(
  door: Door,
  job: Job,
  outcome: { response: Map<string, string> } | { error: unknown },
): Promise<void> {
  if (job.request.internal) return;
  const updates: Given<StatusResponse>[] = [];
  for await (const update of job.events.follow(new AbortController().signal)) updates.push(update);
  const record = {
    ...describeJob(job),
    completedAt: encodeTime(Date.now()),
    ...countSteps(updates),
    ...("response" in outcome && { exporterResponse: outcome.response }),
    ...("error" in outcome && {
      error: { code: code.unknown, message: redactAddresses(messageOf(outcome.error)), details: [] },
    }),
  };
  try {
    await door.history.add(record, asIterable(updates));
    door.historyListeners.tell({ type: complete, record });
  } catch (error) {
    door.logger.warn({ error: messageOf(error), build: job.ref }, "a build could not be kept in the history");
  }
}

async function* asIterable<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

function countSteps(updates: readonly Given<StatusResponse>[]) {
  const vertexes = new Map(
    updates.flatMap(({ vertexes = [] }) => vertexes.map((vertex) => [vertex.digest, vertex] as const)),
  );
  const all = [...vertexes.values()];
  return {
    numTotalSteps: all.length,
    numCompletedSteps: all.filter(({ completed }) => completed).length,
    numCachedSteps: all.filter(({ cached }) => cached).length,
    numWarnings: updates.reduce((sum, { warnings = [] }) => sum + warnings.length, 0),
  };
}
