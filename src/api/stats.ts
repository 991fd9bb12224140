import type { StatsResponse } from "../formats/docker-api/docker-api-system.ts";
import { containerOf } from "./containers.ts";
import type { ApiRequest, Reply } from "./request.ts";

/** A client that does not read misses what comes meanwhile. */
const largestBacklogBytes = 256 * 1024;

/** Every second until the client is gone, or the container is; once with `stream=false`. */
export async function stats(request: ApiRequest): Promise<Reply | undefined> {
  const container = containerOf(request);
  const { stats: sampler } = request.engine.containers;
  const { signal } = request;
  if (!request.flag("stream", true)) {
    const isCompared = !request.flag("one-shot");
    return { status: 200, body: await sampler.sample(container, { isCompared, signal }) };
  }
  const output = request.stream("application/json");
  const over = Promise.withResolvers<void>();
  const unfollow = sampler.follow(container, (sample: StatsResponse | undefined) => {
    if (!sample) over.resolve();
    else if (output.writableLength < largestBacklogBytes) output.write(`${JSON.stringify(sample)}\n`);
  });
  signal.addEventListener("abort", () => over.resolve(), { once: true });
  if (signal.aborted) over.resolve();
  await over.promise;
  unfollow();
  output.end();
  return undefined;
}
