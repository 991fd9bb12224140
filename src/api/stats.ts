import { invalid } from "../errors.ts";
import { type ContainerUsage, usageOf } from "../formats/usage.ts";
import { createPauses } from "../sys/pauses.ts";
import { containerOf } from "./containers.ts";
import type { ApiRequest, Reply } from "./request.ts";

/** A client that does not read misses what comes meanwhile. */
const largestBacklogBytes = 256 * 1024;

/** Every second until the client is gone, or the container is; once with `stream=false`. */
export async function stats(request: ApiRequest): Promise<Reply | undefined> {
  const container = containerOf(request);
  const { stats: sampler } = request.engine.containers;
  const { signal } = request;
  const isOneShot = request.flag("one-shot");
  if (!request.flag("stream", true)) {
    const isCompared = !isOneShot;
    return { status: 200, body: await sampler.sample(container, { isCompared, signal }) };
  }
  if (isOneShot) throw invalid("cannot have stream=true and one-shot=true");
  const output = request.stream("application/json");
  const over = Promise.withResolvers<void>();
  const unfollow = sampler.follow(container, (line) => {
    if (line === undefined) over.resolve();
    else if (output.writableLength < largestBacklogBytes) output.write(line);
  });
  signal.addEventListener("abort", () => over.resolve(), { once: true });
  if (signal.aborted) over.resolve();
  await over.promise;
  unfollow();
  output.end();
  return undefined;
}

/** `GET /berth/stats`: what each running container has used up to now, in one answer. */
export async function usage(request: ApiRequest): Promise<Reply> {
  const { byId, stats: sampler } = request.engine.containers;
  const pauses = createPauses();
  const all: ContainerUsage[] = [];
  for (const container of [...byId.values()]) {
    if (!container.record.state.Running) continue;
    const sample = await sampler.sample(container, { isCompared: false, signal: request.signal });
    const used = usageOf(sample);
    if (used) all.push({ id: container.record.id, name: container.record.name, ...used });
    await pauses.take();
  }
  return { status: 200, body: all };
}
