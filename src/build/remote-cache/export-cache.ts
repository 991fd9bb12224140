import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { invalid } from "../../errors.ts";
import type { Digest } from "../../formats/digest.ts";
import type { Descriptor } from "../../formats/oci-manifest.ts";
import { createGrowth } from "../../sys/growing-file.ts";
import { lineBelow, newVertex, reportWork } from "../progress.ts";
import type { Solving } from "../solve/solving.ts";
import type { CacheExport } from "./cache-orders.ts";
import { type CacheTarget, openClientTarget, openRegistryTarget } from "./cache-places.ts";
import { describeRemoteCache } from "./describe-cache.ts";
import type { ExportedLayer, ExportedStep } from "./exported-step.ts";

type Writing = Pick<Solving, "rooms" | "report" | "signal" | "session" | "findCredentials">;

const pieceBytes = 1024 * 1024;

/**
 * Writes a cache of steps: layers that are not there yet, the config, the manifest.
 * @returns the manifest's descriptor, as clients put it into a directory's index @throws what goes wrong
 */
export function exportCache(
  writing: Writing,
  order: CacheExport,
  steps: readonly ExportedStep[],
): Promise<Descriptor> {
  const { report } = writing;
  const isLocal = order.target.type === "local";
  const vertex = newVertex(`exporting cache to ${isLocal ? "client directory" : "registry"}`);
  return reportWork(report, vertex, async () => {
    const target = await openTarget(writing, order);
    return write(writing, order, steps, target, lineBelow(report, vertex.digest));
  });
}

async function openTarget(
  { rooms, session, findCredentials, signal }: Writing,
  order: CacheExport,
): Promise<CacheTarget> {
  const { target } = order;
  if (target.type === "inline") throw invalid("an inline cache is written with its image");
  if (target.type === "local")
    return openClientTarget((await session("")).content(target.store), (path) =>
      createReadStream(path, { highWaterMark: pieceBytes }),
    );
  const auth = (await findCredentials(target.reference.domain)) ?? {};
  const { registries } = rooms.images;
  const { reference } = target;
  return openRegistryTarget({ registries, reference, auth, logger: rooms.logger }, signal);
}

async function write(
  writing: Writing,
  order: CacheExport,
  steps: readonly ExportedStep[],
  target: CacheTarget,
  line: (id: string) => () => void,
): Promise<Descriptor> {
  const { rooms, signal } = writing;
  const layers = new Map(
    steps.flatMap((step) => step.layers.map((layer) => [layer.chainId, layer] as const)),
  );
  const here = [...layers.values()].filter(({ elsewhere }) => elsewhere === undefined);
  const prepared = line("preparing build cache for export");
  const chains = here.map(({ chainId }) => chainId);
  const folder = rooms.folders.make();
  try {
    return await rooms.images.layerBlobs.withPacked(chains, order.compression, signal, async (packed) => {
      prepared();
      const blobs = new Map<string, Descriptor>();
      const written = new Set<Digest>();
      for (const layer of layers.values()) {
        signal.throwIfAborted();
        const own = packed.get(layer.chainId);
        const descriptor = own?.descriptor ?? (layer.elsewhere?.blob as Descriptor);
        blobs.set(layer.chainId, descriptor);
        if (written.has(descriptor.digest)) continue;
        written.add(descriptor.digest);
        const done = line(`writing layer ${descriptor.digest}`);
        const open = own?.open ?? (() => fetchLayer(writing, layer, join(folder.path, "layer")));
        await putUnlessThere(target, descriptor, open);
        done();
      }
      return finish(order, steps, blobs, target, folder.path, line);
    });
  } finally {
    folder.release();
  }
}

type OpenFile = () => Promise<{ path: string; close(): Promise<void> }>;

async function putUnlessThere(
  target: CacheTarget,
  { digest, size }: Pick<Descriptor, "digest" | "size">,
  open: OpenFile,
): Promise<void> {
  if (await target.has(digest)) return;
  const file = await open();
  try {
    await target.put({ digest, sizeBytes: size, path: file.path });
  } finally {
    await file.close();
  }
}

/** One that was never needed here goes from one place to the other. */
async function fetchLayer({ signal }: Writing, layer: ExportedLayer, path: string) {
  const { blob, places } = layer.elsewhere as NonNullable<ExportedLayer["elsewhere"]>;
  let last: unknown = invalid(`layer ${blob.digest} is nowhere`);
  for (const place of places) {
    await rm(path, { force: true });
    try {
      await (await place.open(signal)).download(blob, { path, growth: createGrowth() }, signal);
      const hash = createHash("sha256");
      for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
      const actual = `sha256:${hash.digest("hex")}`;
      if (actual !== blob.digest)
        throw invalid(`wrong digest: ${place.name} sent ${actual} for ${blob.digest}`);
      return { path, close: () => rm(path, { force: true }) };
    } catch (error) {
      signal.throwIfAborted();
      last = error;
    }
  }
  throw last;
}

async function finish(
  order: CacheExport,
  steps: readonly ExportedStep[],
  blobs: ReadonlyMap<string, Descriptor>,
  target: CacheTarget,
  folder: string,
  line: (id: string) => () => void,
): Promise<Descriptor> {
  const { config, manifest } = describeRemoteCache(steps, blobs, order);
  const configDone = line(`writing config ${config.digest}`);
  const path = join(folder, "config");
  await writeFile(path, config.text, { mode: 0o600 });
  const size = Buffer.byteLength(config.text);
  await putUnlessThere(target, { digest: config.digest, size }, async () => ({
    path,
    close: async () => {},
  }));
  configDone();
  const kind = order.isImage ? "cache image manifest" : "cache manifest";
  const manifestDone = line(`writing ${kind} ${manifest.digest}`);
  await target.finish(manifest.mediaType, manifest.text);
  manifestDone();
  const { mediaType, digest } = manifest;
  return { mediaType, digest, size: Buffer.byteLength(manifest.text) };
}
