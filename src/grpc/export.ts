import { readAnnotations } from "../build/export/annotations.ts";
import { readFlag } from "../build/export/flags.ts";
import {
  addImage,
  type BuiltResult,
  exportImage,
  type ImageOrder,
  nameInFull,
} from "../build/export/image.ts";
import { type ImageSettings, readImageSettings } from "../build/export/image-settings.ts";
import { stateProvenance } from "../build/export/provenance.ts";
import { lineBelow, newVertex, reportProblem, reportWork } from "../build/progress.ts";
import { invalid } from "../errors.ts";
import type { Descriptor } from "../formats/oci-manifest.ts";
import { parseReference, type Reference, repositoryOf, withDefaultTag } from "../formats/reference.ts";
import type { Packing } from "../images/push/pushed-image.ts";
import { exportCaches, inlineCacheOf } from "./caches.ts";
import type { Door } from "./door.ts";
import { exportFiles } from "./export-files.ts";
import {
  type Built,
  dateOf,
  type Exporter,
  type ExporterAnswer,
  type ExportResponse,
  exportersOf,
  factsOf,
  isLayoutOf,
  joinAnswers,
} from "./exporters.ts";
import type { Job, ResultRef } from "./jobs.ts";

/** Builds what the client has asked for, and gives it to the exporters. @returns what the client is answered */
export async function exportResults(
  door: Door,
  job: Job,
  results: readonly ResultRef[],
): Promise<ExportResponse> {
  if (job.request.internal || results.length === 0) return new Map();
  // What is wrong with them is said before anything is built.
  for (const { type, attrs } of exportersOf(job.request)) readImageSettings(type, attrs);
  const startedAt = Date.now();
  const built = await Promise.all(
    results.map(async ({ build, image }): Promise<Built> => {
      const solved = { build, image, ...(await build.solve(image)) };
      return { ...solved, ...(await inlineCacheOf(job, solved)) };
    }),
  );
  const answers: ExporterAnswer[] = [];
  for (const [index, exporter] of exportersOf(job.request).entries()) {
    const response: ExportResponse = new Map();
    await exportOne(door, job, built, { ...exporter, index, startedAt }, response);
    answers.push({ isLayout: isLayoutOf(exporter), response });
  }
  return new Map([...joinAnswers(answers), ...(await exportCaches(job, built))]);
}

async function exportOne(
  door: Door,
  job: Job,
  built: readonly Built[],
  exporter: Exporter & { startedAt: number },
  response: ExportResponse,
): Promise<void> {
  switch (exporter.type) {
    case "local":
    case "tar":
      return exportFiles(door, job, built, exporter);
    case "oci":
    case "docker":
      return exportLayout(door, job, await orderOf(job, built, exporter), exporter, response);
    case "moby":
    case "image":
      return exportToStore(door, job, await orderOf(job, built, exporter), exporter, response);
    default:
      throw invalid(`exporter "${exporter.type}" could not be found`);
  }
}

async function orderOf(
  job: Job,
  built: readonly Built[],
  exporter: Exporter & { startedAt: number },
): Promise<ImageOrder> {
  const { attrs, startedAt } = exporter;
  const names = (attrs.get("name") ?? "").split(",").filter((name) => name !== "");
  const [first] = built;
  if (!first) throw invalid("nothing was built");
  const { options } = first.build;
  const sourceDate = dateOf(first, exporter);
  const rewritten = await rewriteTimes(job, built, exporter, sourceDate);
  const results = rewritten.map(({ build, image, ...solved }): BuiltResult => {
    const facts = factsOf(job, { build, image }, { names, startedAt });
    if (!facts) return { image, ...solved };
    return { image, ...solved, statements: (digest, layers) => [stateProvenance(facts, digest, layers)] };
  });
  const { isMultiPlatform } = options;
  const hasIndex = isMultiPlatform || options.provenance !== undefined;
  return { results, names, sourceDate, hasIndex, annotations: readAnnotations(attrs) };
}

/** With layers in which nothing is newer than the date, where that is asked for. */
async function rewriteTimes(
  job: Job,
  built: readonly Built[],
  { attrs }: Exporter,
  date: number | undefined,
): Promise<readonly Built[]> {
  if (!readFlag(attrs, "rewrite-timestamp", false) || date === undefined) return built;
  const rewritten = await Promise.allSettled(
    built.map(async ({ inlineCache, ...one }): Promise<Built> => {
      if (inlineCache !== undefined)
        reportProblem(
          job.events.report,
          "preparing layers for inline cache",
          "left out with rewrite-timestamp: the image's layers differ from those in the cache",
        );
      const layers = await one.build.rewriteTimes(one.image, one.layers, Math.floor(date / 1000));
      return { ...one, layers };
    }),
  );
  return rewritten.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
}

/** Into the image store, and from there to the registries of its names where that is asked for. */
async function exportToStore(
  door: Door,
  job: Job,
  order: ImageOrder,
  { type, attrs }: Exporter,
  response: ExportResponse,
): Promise<void> {
  const { images } = door;
  const settings = readImageSettings(type, attrs);
  const { isPushed, isByDigest, isStored, isCanonical, packing } = settings;
  const references = order.names.map(parseReference);
  if (isPushed && references.length === 0) throw invalid("tag is needed when pushing to registry");
  const tagged = isByDigest && order.names.find((_, at) => references[at]?.tag !== undefined);
  if (tagged) throw invalid(`can't push tagged ref ${tagged} by digest`);
  const isKept = isStored && !isByDigest;
  let pushed: Descriptor | undefined;
  const holder = Symbol("export");
  const kept = isKept ? order : { ...order, names: [], holder };
  const exported = await exportImage(images, job.events.report, kept, async ({ digest: id }, line) => {
    // A registry gets another manifest, which the push adds.
    if (isCanonical && isKept && !isPushed) for (const one of references) images.nameByDigest(one, id);
    // What it is compressed to counts for later pushes as well.
    if (!isPushed && packing.layers) await images.pack(id, packing, job.signal);
    for (const one of isPushed ? references : [])
      pushed = await push(door, job, one, { id, settings, isKept }, line);
  }).finally(() => images.letGo(holder));
  // Layers are compressed for a registry, so that the image has another digest there.
  describe(response, exported.digest, pushed ?? exported.target);
  const names = isKept ? exported.names : order.names.map(nameInFull);
  if (names.length > 0) response.set("image.name", names.join(","));
}

async function push(
  { images, sessions }: Door,
  job: Job,
  given: Reference,
  { id, settings, isKept }: { id: string; settings: ImageSettings; isKept: boolean },
  line: (id: string) => () => void,
): Promise<Descriptor | undefined> {
  const session = await sessions.get(job.request.session);
  const auth = (await session.findCredentials(given.domain)) ?? {};
  const { isByDigest } = settings;
  const { layers } = settings.packing;
  const packing: Packing = {
    ...settings.packing,
    ...((isKept || !layers) && { remembers: layers ? "own" : "shared" }),
  };
  const reference = isByDigest ? given : withDefaultTag(given);
  const done = line(`pushing ${repositoryOf(reference)}${reference.tag ? `:${reference.tag}` : ""}`);
  const how = { isByDigest, staysUnnamed: !isKept, packing };
  const order = { auth, id, ...how, report: () => {}, signal: job.signal };
  const pushed = await images.push(reference, order);
  done();
  return pushed.at(-1);
}

function describe(
  response: ExportResponse,
  id: string,
  { mediaType, digest, size, annotations }: Descriptor,
): void {
  response.set("containerimage.digest", digest);
  const descriptor = Buffer.from(JSON.stringify({ mediaType, digest, size, annotations }));
  response.set("containerimage.descriptor", descriptor.toString("base64"));
  // Clients print this one for `-q` and `--iidfile`, to be used as the image's id.
  response.set("containerimage.config.digest", id);
}

/** A layout for the client, which is also what `docker load` takes. The store keeps nothing of it. */
async function exportLayout(
  { images, sessions }: Door,
  job: Job,
  order: ImageOrder,
  { type, attrs, index }: Exporter,
  response: ExportResponse,
): Promise<void> {
  const { packing, isArchive } = readImageSettings(type, attrs);
  const vertex = newVertex(`exporting to ${type} image format`);
  const { report } = job.events;
  const session = await sessions.get(job.request.session);
  return reportWork(report, vertex, async () => {
    const line = lineBelow(report, vertex.digest);
    const done = line("exporting layers");
    const names = order.names.map((name) => withDefaultTag(parseReference(name)));
    const holder = Symbol("export");
    try {
      const { id } = await addImage(images, { ...order, names: [], holder });
      const wanted = { names, annotations: annotationsInLayout(order), packing };
      await images.withLayout(id, wanted, job.signal, async (layout) => {
        done();
        describe(response, layout.target.digest, layout.target);
        if (names.length > 0) response.set("image.name", order.names.map(nameInFull).join(","));
        const sent = line(isArchive ? "sending tarball" : "copying files");
        if (isArchive)
          await session.sendArchive(index, copies(layout.archive()), Object.fromEntries(response));
        else
          for (const blob of layout.blobs) await session.content("export").write(blob, copies(blob.read()));
        sent();
      });
    } finally {
      await images.letGo(holder);
    }
  });
}

/** Of the manifest or index itself. */
function annotationsInLayout({ results: [first, ...others], hasIndex, annotations }: ImageOrder) {
  if (!first || others.length > 0 || hasIndex) return annotations.indexDescriptor;
  return annotations.descriptor(first.image.platform);
}

/** A piece of an archive is good only until the next one. */
async function* copies(archive: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const piece of archive) yield Buffer.from(piece);
}
