import { Readable } from "node:stream";
import { commitContainer } from "../containers/commit.ts";
import { imageUsers } from "../containers/images-in-use.ts";
import { invalid, messageOf } from "../errors.ts";
import type { ContainerConfig, ProgressMessage } from "../formats/docker-api.ts";
import { flagOf, matchesLabels } from "../formats/filters.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { parsePlatform } from "../formats/platform.ts";
import { formatProgressBar } from "../formats/progress-bar.ts";
import { parseReference, type Reference, repositoryOf } from "../formats/reference.ts";
import { matchesPattern } from "../formats/reference-pattern.ts";
import { decodeRegistryAuth } from "../formats/registry-auth.ts";
import { parseTimestamp } from "../formats/timestamp.ts";
import { parseUntil } from "../formats/until.ts";
import type { ImageRecord } from "../images/images.ts";
import { type ApiRequest, created, ok, type Reply } from "./request.ts";

const listFilters = ["before", "dangling", "label", "label!", "reference", "since", "until"];

export function list(request: ApiRequest): Reply {
  const { images, containers } = request.engine;
  const filters = request.filters(listFilters);
  const createdAt = (name: string) => parseTimestamp(images.getImage(name).config.created ?? "") ?? 0;
  const before = filters.get("before")?.map(createdAt);
  const since = filters.get("since")?.map(createdAt);
  const until = parseUntil(filters.get("until")?.[0]);
  const dangling = flagOf(filters, "dangling");
  const patterns = filters.get("reference");
  const isWanted = (image: ImageRecord) => {
    const at = parseTimestamp(image.config.created ?? "") ?? 0;
    const labels = image.config.config?.Labels ?? null;
    return (
      (dangling === undefined || dangling === (images.references(image.id).tags.length === 0)) &&
      (!before || before.some((time) => at < time)) &&
      (!since || since.some((time) => at > time)) &&
      (until === undefined || at < until) &&
      matchesLabels(filters, labels) &&
      !(filters.has("label!") && matchesLabels(filters, labels, "label!")) &&
      (!patterns || images.references(image.id).tags.some((name) => matchesPattern(name, patterns)))
    );
  };
  const found = images.list().filter(isWanted);
  const users = imageUsers(containers);
  const countUsers = (image: ImageRecord) => users.filter(({ imageId }) => imageId === image.id).length;
  const isCounted = request.version >= 51;
  const summaries = found.map((image) => images.summarize(image, isCounted ? countUsers(image) : -1));
  const shown = patterns
    ? summaries.map((one) => ({
        ...one,
        RepoTags: one.RepoTags.filter((name) => matchesPattern(name, patterns)),
      }))
    : summaries;
  return ok(shown.sort((a, b) => b.Created - a.Created));
}

export function inspect(request: ApiRequest): Reply {
  const { images } = request.engine;
  return ok(images.inspect(images.getImage(request.param("name"))));
}

export function history(request: ApiRequest): Reply {
  const { images } = request.engine;
  return ok(images.history(images.getImage(request.param("name"))));
}

export function tag(request: ApiRequest): Reply {
  request.engine.images.tag(request.param("name"), request.text("repo"), request.text("tag") || undefined);
  return { status: 201 };
}

export async function remove(request: ApiRequest): Promise<Reply> {
  const { images, containers } = request.engine;
  return ok(
    await images.remove(request.param("name"), {
      force: request.flag("force"),
      noPrune: request.flag("noprune"),
      users: imageUsers(containers),
    }),
  );
}

export async function prune(request: ApiRequest): Promise<Reply> {
  const { images, containers } = request.engine;
  const filters = request.filters(["dangling", "label", "label!", "until"]);
  const until = parseUntil(filters.get("until")?.[0]);
  const result = await images.prune({
    dangling: flagOf(filters, "dangling") ?? true,
    ...(until !== undefined && { until: until / 1000 }),
    labels: filters.get("label") ?? [],
    withoutLabels: filters.get("label!") ?? [],
    users: imageUsers(containers),
  });
  return ok({ ImagesDeleted: result.deleted, SpaceReclaimed: result.spaceReclaimedBytes });
}

export async function load(request: ApiRequest): Promise<undefined> {
  await withProgress(request, (report) => request.engine.images.load(request.input, report));
}

export function save(request: ApiRequest): Promise<undefined> {
  const name = request.params.name;
  const names = name ? [name] : request.query.getAll("names").flatMap((list) => list.split(","));
  return saveNames(request, names);
}

async function saveNames(request: ApiRequest, names: string[]): Promise<undefined> {
  if (names.length === 0) throw invalid("no images to save");
  const archive = await request.engine.images.save(names);
  await archive
    .writeTo(request.stream("application/x-tar"))
    .catch((error: unknown) => giveUp(request, error));
}

/** The client's going away is its own affair; anything else is ours to know. */
function giveUp(request: ApiRequest, error: unknown): void {
  if (!request.signal.aborted) request.engine.logger.error({ error }, "sending an archive failed");
  request.output.destroy();
}

/** `POST /images/create`: a pull, or with fromSrc an import. */
export async function create(request: ApiRequest): Promise<undefined> {
  const from = request.text("fromSrc");
  const platform = request.text("platform") ? parsePlatform(request.text("platform")) : undefined;
  if (!from) return pull(request, platform);
  await withProgress(request, async (report) => {
    const input = from === "-" ? request.input : await download(from, report);
    const image = await request.engine.images.importRootfs(input, {
      ...(request.text("repo") && { repository: request.text("repo") }),
      ...(request.text("tag") && { tag: request.text("tag") }),
      ...(request.text("message") && { message: request.text("message") }),
      ...(platform && { platform }),
      changes: request.query.getAll("changes"),
    });
    report({ status: image.id });
  });
}

async function pull(request: ApiRequest, platform: Platform | undefined): Promise<undefined> {
  const reference = withTag(parseReference(request.text("fromImage")), request.text("tag"));
  const auth = decodeRegistryAuth(String(request.input.headers["x-registry-auth"] ?? ""));
  await withProgress(request, (report) =>
    request.engine.images.pull(reference, {
      auth,
      report,
      signal: request.signal,
      ...(platform && { platform }),
    }),
  );
}

/** `POST /images/{name}/push`: a tag, or without one all of them. */
export async function push(request: ApiRequest): Promise<undefined> {
  const reference = withTag(parseReference(request.param("name")), request.text("tag"));
  const auth = decodeRegistryAuth(String(request.input.headers["x-registry-auth"] ?? ""));
  await withProgress(request, (report) =>
    request.engine.images.push(reference, { auth, report, signal: request.signal }),
  );
}

/** A tag or a digest given beside the name is the one that counts. @throws EngineError invalid */
function withTag(reference: Reference, tag: string): Reference {
  if (!tag) return reference;
  return parseReference(`${repositoryOf(reference)}${tag.startsWith("sha256:") ? "@" : ":"}${tag}`);
}

async function download(url: string, report: (message: ProgressMessage) => void): Promise<Readable> {
  const address = /^https?:\/\//.test(url) ? url : `http://${url}`;
  report({ status: `Downloading from ${address}` });
  const response = await fetch(address).catch((error) => {
    // What went wrong is only in the cause: "fetch failed" says nothing.
    const reason = error.cause ? messageOf(error.cause) || error.cause.code : messageOf(error);
    throw invalid(`Get "${address}": ${reason}`, error);
  });
  if (!response.ok || !response.body)
    throw invalid(`cannot download ${address}: HTTP status ${response.status}`);
  return Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
}

/** `POST /berth/images/make`: an image made on this machine from its own packages. */
export async function make(request: ApiRequest): Promise<undefined> {
  const name = request.text("name");
  await withProgress(request, async (report) => {
    const image = await request.engine.images.make(name, (line) => report({ stream: `${line}\n` }));
    report({ aux: { ID: image.id } });
  });
}

export async function commit(request: ApiRequest): Promise<Reply> {
  const config = (await request.json()) as Partial<ContainerConfig>;
  const image = await commitContainer(request.engine.containers, request.text("container"), {
    config,
    author: request.text("author"),
    comment: request.text("comment"),
    pause: request.flag("pause", true),
    changes: request.query.getAll("changes"),
    repository: request.text("repo"),
    tag: request.text("tag"),
  });
  return created({ Id: image.id });
}

/**
 * Runs work that reports its progress as JSON lines. The status is sent with the first of them; until then a failure is an
 * ordinary error, afterwards it is the last line.
 */
async function withProgress(
  request: ApiRequest,
  work: (report: (message: ProgressMessage) => void) => Promise<void>,
): Promise<void> {
  let isStreaming = false;
  const report = (message: ProgressMessage) => {
    if (!isStreaming) request.stream("application/json");
    isStreaming = true;
    request.output.write(`${JSON.stringify(withBar(message))}\r\n`);
  };
  try {
    await work(report);
  } catch (error) {
    if (!isStreaming) throw error;
    const message = messageOf(error);
    report({ errorDetail: { message }, error: message });
  }
  if (!isStreaming) request.stream("application/json");
  request.output.end();
}

/** In Docker's order of fields. */
function withBar(message: ProgressMessage): ProgressMessage {
  const { status, progressDetail, ...rest } = message;
  const progress = progressDetail && formatProgressBar(progressDetail);
  return progress ? { ...(status !== undefined && { status }), progressDetail, progress, ...rest } : message;
}
