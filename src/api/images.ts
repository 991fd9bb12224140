import { Readable } from "node:stream";
import { commitContainer } from "../containers/create/commit.ts";
import { imageUsers } from "../containers/images-in-use.ts";
import { invalid, messageOf } from "../errors.ts";
import type { ProgressMessage } from "../formats/docker-api/docker-api.ts";
import { configShape } from "../formats/docker-api/docker-api-config.ts";
import { fitsLabels, flagOf, onlyUntil } from "../formats/filters.ts";
import type { Platform } from "../formats/oci-manifest.ts";
import { parsePlatform } from "../formats/platform.ts";
import { parseReference, type Reference, repositoryOf } from "../formats/reference.ts";
import { compileReferencePatterns } from "../formats/reference-pattern.ts";
import { decodeRegistryAuth } from "../formats/registry-auth.ts";
import { partial } from "../formats/shape.ts";
import { parseTimestamp } from "../formats/timestamp.ts";
import { parseUntil } from "../formats/until.ts";
import { summarizeManifests } from "../images/describe-manifests.ts";
import type { ImageRecord } from "../images/images.ts";
import { contentOf, getPresentManifest } from "../images/select-manifest.ts";
import { inSlices, mapWithPauses } from "../sys/pauses.ts";
import { announcePrune, pruneAlone } from "../system/prune.ts";
import { decodePlatform } from "./platform.ts";
import { withProgress } from "./progress.ts";
import { type ApiRequest, created, ok, type Reply } from "./request.ts";

const listFilters = ["before", "dangling", "label", "label!", "reference", "since", "until"];

export async function listing(request: ApiRequest): Promise<Reply> {
  const { images } = request.engine;
  const filters = request.filters(listFilters);
  // How clients asked for a name before there were filters.
  const name = request.version < 41 ? request.text("filter") : "";
  if (name) filters.set("reference", [...(filters.get("reference") ?? []), name]);
  const createdAt = (name: string) =>
    parseTimestamp(contentOf(images.getImage(name)).config.created ?? "") ?? 0;
  const before = filters.get("before")?.map(createdAt);
  const since = filters.get("since")?.map(createdAt);
  const until = parseUntil(filters.get("until")?.[0]);
  const dangling = flagOf(filters, "dangling");
  const patterns = filters.get("reference");
  const isMatch = patterns && compileReferencePatterns(patterns);
  const all = request.flag("all");
  const isWanted = (image: ImageRecord) => {
    const { tags, digests } = images.references(image.id);
    // A step on the way to another image.
    if (images.hasChildren(image) && (dangling || (!all && tags.length + digests.length === 0))) return false;
    const { config } = contentOf(image);
    const at = parseTimestamp(config.created ?? "") ?? 0;
    const labels = config.config?.Labels ?? null;
    return (
      (dangling === undefined || dangling === (tags.length === 0)) &&
      (!before || before.some((time) => at < time)) &&
      (!since || since.some((time) => at > time)) &&
      (until === undefined || at < until) &&
      fitsLabels(filters, labels) &&
      (!isMatch || [...tags, ...digests].some(isMatch))
    );
  };
  const { containers } = request.engine;
  const users = request.flag("manifests") ? imageUsers(containers) : undefined;
  const summarize = ({ id }: { id: string }) => {
    // Others may be removed while one is described.
    const image = images.findImage(id);
    if (!image || !isWanted(image)) return undefined;
    const summary = {
      ...images.summarize(image, containers.byImage.of(id).size),
      ...(request.flag("shared-size") && { SharedSize: images.sharedSizeBytes(image) }),
      ...(users && { Manifests: summarizeManifests(image, users.get(id) ?? []) }),
    };
    if (!isMatch) return summary;
    const { RepoTags, RepoDigests } = summary;
    return { ...summary, RepoTags: RepoTags.filter(isMatch), RepoDigests: RepoDigests.filter(isMatch) };
  };
  return { status: 200, elements: inSlices(await newestFirst(images.list()), summarize) };
}

async function newestFirst(images: readonly ImageRecord[]) {
  const made = await mapWithPauses(images, (image) => ({
    id: image.id,
    seconds: Math.floor((parseTimestamp(contentOf(image).config.created ?? "") ?? 0) / 1000),
  }));
  return made.sort((a, b) => b.seconds - a.seconds);
}

export function inspect(request: ApiRequest): Reply {
  const { images } = request.engine;
  const name = request.param("name");
  const image = images.getImage(name);
  const [platform] = request.version < 49 ? [] : platformsOf(request);
  const hasManifests = request.flag("manifests");
  if (hasManifests && platform)
    throw invalid("conflicting options: manifests and platform options cannot both be set");
  if (!hasManifests) return ok(images.inspect(image, platform && getPresentManifest(image, platform, name)));
  const users = imageUsers(request.engine.containers).get(image.id) ?? [];
  return ok({ ...images.inspect(image), Manifests: summarizeManifests(image, users) });
}

export function history(request: ApiRequest): Reply {
  const { images } = request.engine;
  const name = request.param("name");
  const image = images.getImage(name);
  const [platform] = platformsOf(request);
  return ok(images.history(image, platform && getPresentManifest(image, platform, name)));
}

export function tag(request: ApiRequest): Reply {
  request.engine.images.tag(request.param("name"), request.text("repo"), request.text("tag") || undefined);
  return { status: 201 };
}

export async function remove(request: ApiRequest): Promise<Reply> {
  const { images, containers } = request.engine;
  const name = request.param("name");
  if (name.trim() === "") throw invalid("image name cannot be blank");
  return ok(
    await images.remove(name, {
      force: request.flag("force"),
      noPrune: request.flag("noprune"),
      platforms: request.version < 50 ? [] : platformsOf(request, "platforms"),
      users: imageUsers(containers),
    }),
  );
}

export async function prune(request: ApiRequest): Promise<Reply> {
  const { images, containers } = request.engine;
  const filters = request.filters(["dangling", "label", "label!", "until"]);
  const until = parseUntil(onlyUntil(filters));
  const options = {
    dangling: flagOf(filters, "dangling") ?? true,
    ...(until !== undefined && { until: until / 1000 }),
    filters,
    users: imageUsers(containers),
    gone: request.signal,
  };
  const result = await pruneAlone(images, () => images.prune(options));
  announcePrune(request.engine.events, "image", result.spaceReclaimedBytes);
  return ok({
    ImagesDeleted: result.deleted.length > 0 ? result.deleted : null,
    SpaceReclaimed: result.spaceReclaimedBytes,
  });
}

export async function load(request: ApiRequest): Promise<undefined> {
  // As docker answers: a line says what is wrong with the archive, and nothing comes before the archive has. A client that gets an
  // answer earlier takes the load for done.
  const platforms = platformsOf(request);
  const isQuiet = request.flag("quiet", true);
  await withProgress(
    request,
    (report) => {
      const tell = (message: ProgressMessage) => {
        if (!isQuiet || !message.progressDetail) report(message);
      };
      return request.engine.images.load(request.upload(), tell, platforms);
    },
    true,
  );
}

export function sendImages(request: ApiRequest): Promise<undefined> {
  const name = request.params.name;
  const names = name ? [name] : request.query.getAll("names").flatMap((list) => list.split(","));
  return saveNames(request, names);
}

async function saveNames(request: ApiRequest, names: string[]): Promise<undefined> {
  if (names.length === 0) throw invalid("no images to save");
  return request.send("application/x-tar", await request.engine.images.save(names, platformsOf(request)));
}

/** `POST /images/create`: a pull, or with fromSrc an import. */
export async function create(request: ApiRequest): Promise<undefined> {
  const from = request.text("fromSrc");
  const platform = request.text("platform") ? parsePlatform(request.text("platform")) : undefined;
  if (!from) return pull(request, platform);
  await withProgress(request, async (report) => {
    const input = from === "-" ? request.upload() : await download(from, request.signal, report);
    try {
      const image = await request.engine.images.importRootfs(input, {
        ...(request.text("repo") && { repository: request.text("repo") }),
        ...(request.text("tag") && { tag: request.text("tag") }),
        ...(request.text("message") && { message: request.text("message") }),
        ...(platform && { platform }),
        changes: request.query.getAll("changes"),
      });
      report({ status: image.id });
    } finally {
      if (from !== "-") input.destroy();
    }
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
  const [platform] = platformsOf(request);
  const reference = withTag(parseReference(request.param("name")), request.text("tag"));
  const auth = decodeRegistryAuth(String(request.input.headers["x-registry-auth"] ?? ""));
  await withProgress(request, async (report) => {
    await request.engine.images.push(reference, {
      ...{ auth, report, signal: request.signal },
      ...(platform && { platform }),
    });
  });
}

/** @throws EngineError invalid */
export function platformsOf(request: ApiRequest, parameter = "platform"): Platform[] {
  return request.query
    .getAll(parameter)
    .filter((text) => text !== "")
    .map(decodePlatform);
}

/** A tag or a digest given beside the name is the one that counts. @throws EngineError invalid */
function withTag(reference: Reference, tag: string): Reference {
  if (!tag) return reference;
  return parseReference(`${repositoryOf(reference)}${tag.startsWith("sha256:") ? "@" : ":"}${tag}`);
}

/** Fails as well when nothing reads it any more: the caller destroys it. */
async function download(
  url: string,
  signal: AbortSignal,
  report: (message: ProgressMessage) => void,
): Promise<Readable> {
  const address = /^https?:\/\//.test(url) ? url : `http://${url}`;
  report({ status: `Downloading from ${address}` });
  const response = await fetch(address, { signal }).catch((error) => {
    // What went wrong is only in the cause: "fetch failed" says nothing.
    const reason = error.cause ? messageOf(error.cause) || error.cause.code : messageOf(error);
    throw invalid(`Get "${address}": ${reason}`, error);
  });
  if (!response.ok || !response.body)
    throw invalid(`cannot download ${address}: HTTP status ${response.status}`);
  // It may break off before anything reads it.
  return Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]).on("error", () => {});
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
  const config = await request.body(partial(configShape), { root: "" });
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
