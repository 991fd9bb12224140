import type { ProgressEvent, Vertex, VertexStatus } from "../build/progress.ts";
import type { StatusResponse } from "../buildkit/messages/control.ts";
import type { Given } from "../buildkit/wire/message.ts";

/** What a build says of itself, for any number of clients that listen, from its begin on. */
export interface JobEvents {
  report(event: ProgressEvent): void;
  /** No more will come. */
  close(): void;
  /** All that has come and will come, in pieces. Ends with `close`, or when the signal is aborted. */
  follow(signal: AbortSignal): AsyncGenerator<Given<StatusResponse>>;
}

/** Of one step's output; the rest is only counted out loud. BuildKit's. */
const largestLogBytes = 2 * 1024 * 1024;
/** Messages that are sent together. */
const largestBatch = 256;
const largestBatchBytes = 1024 * 1024;
/** What is kept of an event beside its data, about. */
const eventBytes = 64;

export function createJobEvents(): JobEvents {
  const events: ProgressEvent[] = [];
  const logged = new Map<string, number>();
  const listeners = new Set<() => void>();
  let isClosed = false;
  const wake = () => {
    for (const listener of listeners) listener();
  };

  return {
    report(event) {
      if (isClosed) return;
      const kept = event.kind === "log" ? clip(event, logged) : event;
      if (!kept) return;
      events.push(kept);
      wake();
    },
    close() {
      isClosed = true;
      wake();
    },
    async *follow(signal) {
      let at = 0;
      let listener = () => {};
      signal.addEventListener("abort", wake, { once: true });
      try {
        while (!signal.aborted) {
          if (at < events.length) {
            const batch = takeBatch(events, at);
            at += batch.length;
            yield encodeEvents(batch);
          } else if (isClosed) return;
          else
            await new Promise<void>((resolve) => {
              listener = () => {
                listeners.delete(listener);
                resolve();
              };
              listeners.add(listener);
            });
        }
      } finally {
        listeners.delete(listener);
        signal.removeEventListener("abort", wake);
      }
    },
  };
}

/** As many as one message holds well; a warning carries its whole file. */
function takeBatch(events: readonly ProgressEvent[], at: number): ProgressEvent[] {
  const batch: ProgressEvent[] = [];
  let bytes = 0;
  for (const event of events.slice(at, at + largestBatch)) {
    bytes += event.kind === "log" ? event.log.data.length : 0;
    bytes += event.kind === "warning" ? event.warning.file.text.length : 0;
    if (batch.length > 0 && bytes > largestBatchBytes) break;
    batch.push(event);
  }
  return batch;
}

function clip(
  event: Extract<ProgressEvent, { kind: "log" }>,
  logged: Map<string, number>,
): ProgressEvent | undefined {
  const { log } = event;
  const before = logged.get(log.vertex) ?? 0;
  if (before >= largestLogBytes) return undefined;
  logged.set(log.vertex, before + log.data.length + eventBytes);
  const room = largestLogBytes - before;
  if (log.data.length < room) return event;
  const note = Buffer.from(`\n[output clipped, log limit 2MiB reached]\n`);
  return { kind: "log", log: { ...log, data: Buffer.concat([log.data.subarray(0, room), note]) } };
}

function encodeEvents(events: readonly ProgressEvent[]): Given<StatusResponse> {
  const vertexes: Given<StatusResponse>["vertexes"] = events.flatMap((event) =>
    event.kind === "vertex" ? [encodeVertex(event.vertex)] : [],
  );
  return {
    vertexes,
    statuses: events.flatMap((event) => (event.kind === "status" ? [encodeStatus(event.status)] : [])),
    logs: events.flatMap((event) =>
      event.kind === "log"
        ? [
            {
              vertex: event.log.vertex,
              timestamp: encodeTime(event.log.at),
              stream: event.log.stream === "stderr" ? 2 : 1,
              message: event.log.data,
            },
          ]
        : [],
    ),
    warnings: events.flatMap((event) =>
      event.kind === "warning"
        ? [
            {
              vertex: event.warning.vertex,
              level: 1,
              short: Buffer.from(event.warning.short),
              detail: event.warning.detail.map((line) => Buffer.from(line)),
              url: event.warning.url,
              info: {
                filename: event.warning.file.name,
                data: Buffer.from(event.warning.file.text),
                language: "Dockerfile",
              },
              ranges: [...event.warning.ranges],
            },
          ]
        : [],
    ),
  };
}

/** @param at milliseconds since the epoch */
export function encodeTime(at: number): { seconds: number; nanos: number } {
  const seconds = Math.floor(at / 1000);
  return { seconds, nanos: Math.round((at - seconds * 1000) * 1e6) };
}

function encodeVertex(vertex: Vertex) {
  const { digest, inputs, name, started, completed, cached, error } = vertex;
  return {
    ...{ digest, inputs: [...inputs], name },
    ...(started !== undefined && { started: encodeTime(started) }),
    ...(completed !== undefined && { completed: encodeTime(completed) }),
    ...(cached && { cached }),
    ...(error !== undefined && { error }),
  };
}

function encodeStatus(status: VertexStatus) {
  const { id, vertex, name, current, total, started, completed } = status;
  return {
    ...{ id, vertex, name, current, total },
    timestamp: encodeTime(completed ?? Date.now()),
    started: encodeTime(started),
    ...(completed !== undefined && { completed: encodeTime(completed) }),
  };
}
