import { ownIndexAttribute } from "../../buildkit/messages/content.ts";
import { invalid } from "../../errors.ts";
import { type Digest, isDigest } from "../../formats/digest.ts";
import { parseReference, type Reference, withDefaultTag } from "../../formats/reference.ts";
import type { LayerCompression } from "../../images/push/compress-layer.ts";
import { readPacking } from "../export/compression.ts";
import { readFlag } from "../export/flags.ts";

/** What a client asks of a cache, as it says it (`CacheOptionsEntry`). */
export interface CacheOrder {
  type: string;
  attrs: ReadonlyMap<string, string>;
}

/** A cache that is elsewhere: of a registry, or in a directory of the client's. */
export type CacheAddress =
  | { type: "registry"; reference: Reference }
  /** `store` is what the client calls it. */
  | { type: "local"; store: string; digest: Digest };

/** A directory of the client's. */
interface DirectoryTarget {
  type: "local";
  store: string;
  /** The client knows which manifest belongs into the index of which directory. */
  hasOwnIndex: boolean;
}

/** A cache that a build is to write. */
export interface CacheExport {
  /** "inline": with the image. */
  target: { type: "inline" } | { type: "registry"; reference: Reference } | DirectoryTarget;
  /** "max": of all steps, not only of those that the image is made of. */
  mode: "min" | "max";
  /** Its manifest looks like an image's; else it is an index. */
  isImage: boolean;
  isOci: boolean;
  /** Undefined: layers stay plain. */
  compression: LayerCompression | undefined;
  ignoresErrors: boolean;
}

/** @throws EngineError invalid */
export function parseCacheImport({ type, attrs }: CacheOrder): CacheAddress {
  switch (type) {
    case "registry":
    case "inline":
      return { type: "registry", reference: readReference(attrs) };
    case "local": {
      const [store, digest] = [attrs.get("src") ?? "", attrs.get("digest") ?? ""];
      if (store === "") throw invalid("local cache importer requires src");
      if (!isDigest(digest))
        throw invalid(
          'local cache importer requires either explicit digest, "latest" tag or custom tag on index.json',
        );
      return { type: "local", store: `local:${store}`, digest };
    }
    default:
      throw invalid(`unknown cache importer: ${JSON.stringify(type)}`);
  }
}

/** @throws EngineError invalid, in BuildKit's words where it has some */
export function parseCacheExport({ type, attrs }: CacheOrder): CacheExport {
  const mode = attrs.get("mode") || "min";
  if (mode !== "min" && mode !== "max") throw invalid(`invalid cache export mode: ${mode}`);
  const isOci = readFlag(attrs, "oci-mediatypes", true);
  const isImage = readFlag(attrs, "image-manifest", isOci);
  if (isImage && !isOci)
    throw invalid("cache manifests cannot be exported with image-manifest=true and oci-mediatypes=false");
  if (readFlag(attrs, "force-compression", false))
    throw invalid("force-compression is not supported: layers that are compressed already stay as they are");
  return {
    target: readTarget(type, attrs),
    // The image has no room for more.
    mode: type === "inline" ? "min" : mode,
    ...{ isImage, isOci, compression: readCompression(attrs) },
    ignoresErrors: readFlag(attrs, "ignore-error", false),
  };
}

/** @throws EngineError invalid, also for two that go to the same place */
export function parseCacheExports(orders: readonly CacheOrder[]): CacheExport[] {
  const exports = orders.map(parseCacheExport);
  if (new Set(exports.map(({ target }) => JSON.stringify(target))).size < exports.length)
    throw invalid("duplicate cache exports");
  return exports;
}

function readTarget(type: string, attrs: ReadonlyMap<string, string>): CacheExport["target"] {
  switch (type) {
    case "inline":
      return { type };
    case "registry":
      return { type, reference: readReference(attrs) };
    case "local": {
      const store = attrs.get("dest") ?? "";
      if (store === "") throw invalid("local cache exporter requires dest");
      return { type, store: `local:${store}`, hasOwnIndex: readFlag(attrs, ownIndexAttribute, false) };
    }
    default:
      throw invalid(`unknown cache exporter: ${JSON.stringify(type)}`);
  }
}

function readReference(attrs: ReadonlyMap<string, string>): Reference {
  if (readFlag(attrs, "registry.insecure", false))
    throw invalid(
      "registry.insecure is not supported: name the registry in insecure-registries of daemon.json",
    );
  const given = attrs.get("ref") ?? "";
  if (given === "") throw invalid("registry cache requires ref");
  return withDefaultTag(parseReference(given));
}

/** Gzip where nothing is said. */
function readCompression(attrs: ReadonlyMap<string, string>): LayerCompression | undefined {
  const packing = readPacking(attrs) ?? { type: "gzip" };
  return packing.type === "none" ? undefined : packing;
}
