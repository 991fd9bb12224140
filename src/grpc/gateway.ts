import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http2";
import { isOurs } from "../build/frontend/frontend.ts";
import type { BuildInput, PlannedImage } from "../build/frontend/planned-image.ts";
import { parseBuildOptions } from "../build/options.ts";
import {
  type BridgeSolveRequest,
  bridgeSolveRequest,
  bridgeSolveResponse,
  evaluateRequest,
  pongResponse,
  type Result,
  returnRequest,
} from "../buildkit/messages/gateway.ts";
import { empty } from "../buildkit/messages/pb.ts";
import type { Given } from "../buildkit/wire/message.ts";
import { type Method, unary } from "../buildkit/wire/server.ts";
import { code, GrpcError, parseDetails } from "../buildkit/wire/status.ts";
import { formatPlatform } from "../formats/platform.ts";
import { importsOf } from "./caches.ts";
import { describeWorker } from "./control.ts";
import type { Door } from "./door.ts";
import { describeFailure } from "./errors.ts";
import type { Job, ResultRef } from "./jobs.ts";
import { fileMethods, solveDefinition, sourceCaps } from "./remote-files.ts";
import { decodeResult, encodeResult } from "./result-definition.ts";

const buildPatienceMilliseconds = 3000;

const frontendCaps = [
  ...[
    "solve.base",
    "return",
    "returnmap",
    "proto.refarray",
    "resolveimage",
    "frontend.inputs",
    "frontend.caps",
    "readfile",
    "statfile",
  ],
  ...["reference.output", "gateway.evaluate", "gateway.solve.evaluate", "gateway.solve.metadata"],
];
const llbCaps = [
  "file.base",
  "exporter.multiple",
  "gc.freespacefilter",
  "constraints",
  "platform",
  "meta.description",
  "exporter.image.annotations",
  "exporter.image.attestations",
  // Without them clients leave such caches out, and say nothing. With them they are refused by name.
  "cache.azblob",
  "cache.gha",
  "cache.s3",
  ...sourceCaps,
];

/** The service moby.buildkit.v1.frontend.LLBBridge: by it a client asks for a build, and says what is to become of it. */
export function gatewayMethods(door: Door): [string, Method][] {
  const service = (name: string, method: Method): [string, Method] => [
    `/moby.buildkit.v1.frontend.LLBBridge/${name}`,
    method,
  ];
  const jobOf = (headers: IncomingHttpHeaders) =>
    door.jobs.get(String(headers["buildkit-controlapi-buildid"] ?? ""), buildPatienceMilliseconds);
  return [
    service(
      "Ping",
      unary(empty, pongResponse, async () => ({
        frontendCaps: frontendCaps.map((id) => ({ id, enabled: true })),
        llbCaps: llbCaps.map((id) => ({ id, enabled: true })),
        workers: [await describeWorker(door)],
      })),
    ),
    service(
      "Solve",
      unary(bridgeSolveRequest, bridgeSolveResponse, async (request, { headers }) => {
        const job = await jobOf(headers);
        try {
          const isDefined = request.frontend === "" && request.definition !== undefined;
          return { result: await (isDefined ? solveDefinition : solve)(door, job, request) };
        } catch (error) {
          throw describeFailure(error);
        }
      }),
    ),
    service(
      "Return",
      unary(returnRequest, empty, async ({ result, error }, { headers }) => {
        const job = await jobOf(headers);
        if (error && error.code !== 0) {
          const details = parseDetails(error.details);
          job.returned.resolve({ error: new GrpcError(error.code, error.message, details) });
        } else job.returned.resolve({ results: resultsOf(job, result) });
        return {};
      }),
    ),
    ...fileMethods(jobOf).map(([name, method]) => service(name, method)),
    service(
      "Evaluate",
      unary(evaluateRequest, empty, async ({ ref }, { headers }) => {
        const job = await jobOf(headers);
        const found = job.results.get(ref);
        if (!found) throw new GrpcError(code.notFound, `no such ref ${ref}`);
        try {
          await found.build.solve(found.image);
        } catch (error) {
          throw describeFailure(error);
        }
        return {};
      }),
    ),
  ];
}

async function solve(door: Door, job: Job, request: BridgeSolveRequest): Promise<Given<Result>> {
  checkFrontend(request);
  const attributes = new Map([...job.request.frontendAttrs, ...request.frontendOpt]);
  const options = parseBuildOptions(attributes, job.request.entitlements);
  const asked = {
    options,
    sessionId: job.request.session,
    session: door.sessions.get,
    imports: importsOf(job.request),
    report: job.events.report,
    signal: job.signal,
    findInput: (key: string) => findInput(door, request, key),
  };
  if (options.call !== "") {
    const answer = Object.entries(await door.builder.answer(asked));
    return { ref: {}, metadata: new Map(answer.map(([key, value]) => [key, Buffer.from(value)])) };
  }
  const build = await door.builder.prepare(asked);
  if (job.isEnded) {
    build.close();
    throw new Error("context canceled");
  }
  job.builds.add(build);
  const results = build.prepared.plans.map((image): [string, ResultRef] => [randomUUID(), { build, image }]);
  for (const [id, one] of results) job.results.set(id, one);
  return encodeResults(results, options.isMultiPlatform);
}

/** What another build of the client's has made. @throws GrpcError */
async function findInput(
  door: Door,
  { frontendInputs }: BridgeSolveRequest,
  key: string,
): Promise<BuildInput> {
  const given = frontendInputs.get(key);
  const id = given && decodeResult(given);
  const found = id === undefined ? undefined : door.jobs.findResult(id);
  if (!found) throw new GrpcError(code.notFound, `input ${JSON.stringify(key)} is not there`);
  const { build, image } = found;
  return { image, ...(await build.solve(image)) };
}

/** @throws GrpcError */
function checkFrontend({ frontend, frontendOpt }: BridgeSolveRequest): void {
  if (frontend === "dockerfile.v0") return;
  const source = frontendOpt.get("source") ?? "";
  if (frontend === "gateway.v0" && isOurs(source)) return;
  const name = frontend === "gateway.v0" ? source : frontend;
  throw new GrpcError(code.unknown, `frontend ${JSON.stringify(name)} is not supported`);
}

function encodeResults(results: readonly [string, ResultRef][], isMultiPlatform: boolean): Given<Result> {
  const metadata = new Map<string, Uint8Array>();
  const put = (key: string, value: unknown) => metadata.set(key, Buffer.from(JSON.stringify(value)));
  const platforms = results.map(([, { image }]) => describePlatform(image));
  put("refs.platforms", { Platforms: platforms });
  for (const [, { image }] of results) {
    const suffix = isMultiPlatform ? `/${formatPlatform(image.platform)}` : "";
    put(`containerimage.config${suffix}`, image.config);
    if (image.base) put(`containerimage.base.config${suffix}`, image.base.config);
  }
  const [first] = results;
  if (!isMultiPlatform && first) return { ref: { id: first[0], def: encodeResult(first[0]) }, metadata };
  const refs = new Map(
    results.map(([id, { image }]) => [formatPlatform(image.platform), { id, def: encodeResult(id) }]),
  );
  return { refs: { refs: refs as never }, metadata };
}

function describePlatform({ platform }: PlannedImage) {
  const { os, architecture, variant } = platform;
  return {
    ID: formatPlatform(platform),
    Platform: { architecture, os, ...(variant && { variant }) },
  };
}

/** What the client gives back of what it got, in the order in which it got it: in a client's map there is none. */
function resultsOf(job: Job, result: Result | undefined): ResultRef[] {
  const ids = [
    result?.ref?.id ?? result?.refDeprecated ?? "",
    ...[...(result?.refs?.refs.values() ?? [])].map(({ id }) => id),
    ...(result?.refsDeprecated?.refs.values() ?? []),
  ].filter((id) => id !== "");
  for (const id of ids) if (!job.results.has(id)) throw new GrpcError(code.notFound, `no such ref ${id}`);
  return [...job.results].filter(([id]) => ids.includes(id)).map(([, found]) => found);
}
