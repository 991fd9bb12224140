import { EngineError, invalid, messageOf } from "../../errors.ts";
import { type Digest, isDigest } from "../../formats/digest.ts";
import { type ImageConfig, layerLimit, parseImageConfig } from "../../formats/image-config.ts";
import {
  type Descriptor,
  isImage,
  isIndex,
  type Manifest,
  type Platform,
  parseManifest,
} from "../../formats/oci-manifest.ts";
import { formatPlatform } from "../../formats/platform.ts";
import { readIndexTree } from "../../images/index-tree.ts";
import type { BlobPlace } from "../../images/pull/sources.ts";
import { chooseManifest } from "../../images/select-manifest.ts";
import { lineBelow, newVertex, reportWork } from "../progress.ts";
import { type CacheSource, openClientSource } from "../remote-cache/cache-places.ts";
import type { Solving } from "../solve/solving.ts";
import { type FoundImage, keepSnapshot } from "./find-image.ts";

/** What a client says of an image in a layout of its own. */
export interface LayoutAddress {
  /** The client's name for the directory. */
  store: string;
  digest: Digest;
}

/** A layout that a name stands for. */
interface NamedLayout extends LayoutAddress {
  /** As the user calls it, and as progress and records show it. */
  name: string;
  shown: string;
  platform: Platform;
  session: string;
}

/** "//STORE[:TAG]@DIGEST", which the client has made of a path. @throws EngineError invalid in BuildKit's words */
export function parseLayoutAddress(text: string): LayoutAddress {
  const [, store, digest] =
    /^(?:\/\/)?([a-z0-9][a-z0-9._-]{0,127})(?::[\w.-]{1,128})?(?:@(.*))?$/.exec(text) ?? [];
  const quoted = JSON.stringify(text.replace(/^\/\//, "").slice(0, 200));
  if (store === undefined) throw invalid(`could not parse oci-layout reference ${quoted}`);
  if (digest === undefined || !isDigest(digest))
    throw invalid(`oci-layout reference ${quoted} has no digest`);
  return { store, digest };
}

/**
 * An image of a layout that the client keeps, for one platform. All that comes is compared with its digest.
 * @throws EngineError; GrpcError for what the client does not have
 */
export async function findLayoutImage(
  solving: Omit<Solving, "file">,
  layout: NamedLayout,
): Promise<FoundImage> {
  const { report } = solving;
  const { name, shown, store, digest } = layout;
  const content = (await solving.session(layout.session)).content(`oci:${store}`);
  const source = openClientSource(content, digest, `context ${name}`);
  const metadata = newVertex(`[context ${name}] load metadata for ${shown}`);
  const { config, manifest } = await reportWork(report, metadata, () =>
    readImage(source, layout).catch((error: unknown) => {
      solving.signal.throwIfAborted();
      throw explain(error, shown);
    }),
  );
  const files = newVertex(`[context ${name}] OCI load from client`);
  const layers = await reportWork(report, files, () =>
    receiveLayers(solving, config, manifest, source.blobs, lineBelow(report, files.digest)),
  );
  return { content: undefined, digest, isLocal: true, base: { config, layers, name: shown } };
}

function explain(error: unknown, shown: string): EngineError {
  const kind = error instanceof EngineError ? error.kind : "unavailable";
  return new EngineError(kind, `failed to resolve source metadata for ${shown}: ${messageOf(error)}`, error);
}

async function readImage(
  source: CacheSource,
  layout: NamedLayout,
): Promise<{ config: ImageConfig; manifest: Manifest }> {
  const manifest = await readManifest(source, layout);
  if (!isImage(manifest))
    throw invalid(
      `unsupported media type ${JSON.stringify(manifest.config.mediaType)} for image ${layout.shown}`,
    );
  const config = parseImageConfig(await source.readDocument(manifest.config.digest));
  if (config.os !== "linux")
    throw invalid(`image operating system ${JSON.stringify(config.os)} cannot be used on this platform`);
  const [wanted, given] = [config.rootfs.diff_ids.length, manifest.layers.length];
  if (wanted !== given)
    throw invalid(`invalid manifest, layers length mismatch: expected ${wanted}, got ${given}`);
  if (wanted > layerLimit) throw invalid("max depth exceeded");
  return { config, manifest };
}

async function readManifest(
  source: CacheSource,
  { shown, digest, platform }: NamedLayout,
): Promise<Manifest> {
  const top = parseManifest(await source.readManifest(digest));
  if (!isIndex(top)) return top;
  const { manifests } = await readIndexTree(top, (nested) => source.readManifest(nested.digest));
  const chosen = chooseManifest(manifests, platform);
  if (!chosen)
    throw invalid(`no match for platform in manifest ${shown}: it has none for ${formatPlatform(platform)}`);
  const manifest = parseManifest(await source.readManifest(chosen.descriptor.digest));
  if (isIndex(manifest)) throw invalid(`invalid manifest ${chosen.descriptor.digest}: it is an index`);
  return manifest;
}

/** @returns chainIDs, base first, which stay until the build is over */
async function receiveLayers(
  solving: Omit<Solving, "file">,
  { rootfs }: ImageConfig,
  manifest: Manifest,
  places: readonly BlobPlace[],
  line: (id: string) => () => void,
): Promise<string[]> {
  const { rooms, signal } = solving;
  const receive = async () => {
    let layers: string[] = [];
    for (const [at, diffId] of (rootfs.diff_ids as Digest[]).entries()) {
      signal.throwIfAborted();
      const layer = { below: layers, diffId, blob: manifest.layers[at] as Descriptor };
      const done = line(layer.blob.digest);
      const received = await keepSnapshot(solving, (name) =>
        rooms.images.layerBlobs.receive(name, layer, places, signal),
      );
      done();
      layers = received.layers;
    }
    return layers;
  };
  // A build that is given up meanwhile lets go of them afterwards.
  const release = solving.hold();
  const done = receive().finally(() => {
    rooms.running.delete(done);
    release();
  });
  rooms.running.add(done);
  return done;
}
