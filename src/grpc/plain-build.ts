import { nameArchive } from "../build/frontend/context-archive.ts";
import { parseBuildOptions } from "../build/options.ts";
import { type SolveRequest, solveRequest, type statusResponse } from "../buildkit/messages/control.ts";
import type { Given, MessageOf } from "../buildkit/wire/message.ts";
import { importsOf } from "./caches.ts";
import type { Door } from "./door.ts";
import { exportResults } from "./export.ts";
import { announceBuild, recordBuild } from "./history.ts";

/** A build of a client that gives its files by a session, and asks for it otherwise than by BuildKit's API. */
export interface PlainBuild extends Pick<SolveRequest, "ref" | "session" | "frontendAttrs" | "exporters"> {
  /** The context, where it comes as an archive. */
  archive?: AsyncIterable<Uint8Array>;
  signal: AbortSignal;
  onProgress(update: Given<MessageOf<typeof statusResponse>>): void;
}

/** What a build is allowed whose client has no flag for it: as with Docker, the network that it asks for. */
export function entitlementsOf(attributes: ReadonlyMap<string, string>): string[] {
  return attributes.get("force-network-mode") === "host" ? ["network.host"] : [];
}

/** @returns what BuildKit's clients are answered: "containerimage.digest", … @throws BuildError */
export async function buildPlainly(door: Door, asked: PlainBuild): Promise<Map<string, string>> {
  const { signal, onProgress, archive, ...given } = asked;
  const entitlements = entitlementsOf(given.frontendAttrs);
  const request = { ...solveRequest.decode(new Uint8Array()), ...given, entitlements };
  // Docker 20.10 hangs when its build ends before its session has begun.
  await door.sessions.get(request.session).catch(() => {});
  door.builder.checkEntitlements(request.entitlements);
  const job = door.jobs.begin(request, signal);
  announceBuild(door, job);
  const told = (async () => {
    for await (const update of job.events.follow(new AbortController().signal)) onProgress(update);
  })();
  let outcome: Parameters<typeof recordBuild>[2] = { error: new Error("context canceled") };
  try {
    const options = parseBuildOptions(request.frontendAttrs, request.entitlements);
    const names = request.exporters.flatMap(({ attrs }) => (attrs.get("name") ?? "").split(","));
    const key = nameArchive(names, options.filename);
    const build = await door.builder.prepare({
      options,
      sessionId: request.session,
      session: door.sessions.get,
      imports: importsOf(request),
      ...(archive && { archive: { chunks: archive, key } }),
      ...{ report: job.events.report, signal },
    });
    job.builds.add(build);
    const response = await exportResults(
      door,
      job,
      build.prepared.plans.map((image) => ({ build, image })),
    );
    outcome = { response };
    return response;
  } catch (error) {
    outcome = { error };
    throw error;
  } finally {
    door.jobs.end(job);
    await told;
    await recordBuild(door, job, outcome);
  }
}
