import type { BuiltResult } from "../build/export/image.ts";
import { type CacheExport, type CacheOrder, parseCacheExports } from "../build/remote-cache/cache-orders.ts";
import { describeInline } from "../build/remote-cache/describe-cache.ts";
import type { SolvedImage } from "../build/solve/solving.ts";
import { cacheManifestKey, storeManifestKey } from "../buildkit/messages/content.ts";
import type { SolveRequest } from "../buildkit/messages/control.ts";
import { messageOf, unavailable } from "../errors.ts";
import { isObject } from "../formats/json.ts";
import type { Job, ResultRef } from "./jobs.ts";

/** Caches that a client names for a build: as today's clients do it, or as earlier ones did. */
export function importsOf({ cache, frontendAttrs }: SolveRequest): CacheOrder[] {
  if (cache && cache.imports.length > 0) return cache.imports;
  const listed = frontendAttrs.get("cache-imports") ?? "";
  if (listed !== "") return readImports(listed);
  const references = (frontendAttrs.get("cache-from") ?? "").split(",").filter((ref) => ref !== "");
  return references.map((ref) => ({ type: "registry", attrs: new Map([["ref", ref]]) }));
}

const mostImports = 100;

/** What is no list of caches names none. */
function readImports(text: string): CacheOrder[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return [];
  }
  if (!Array.isArray(value)) return [];
  return value.slice(0, mostImports).flatMap((one: unknown): CacheOrder[] => {
    if (!isObject(one) || typeof one.Type !== "string" || !isObject(one.Attrs)) return [];
    const attrs = Object.entries(one.Attrs).filter(
      (pair): pair is [string, string] => typeof pair[1] === "string",
    );
    return [{ type: one.Type, attrs: new Map(attrs) }];
  });
}

/** Earlier clients ask for a cache in the image by an argument. @throws EngineError invalid */
export function exportsOf({
  cache,
  internal,
  frontendAttrs,
}: Pick<SolveRequest, "cache" | "internal" | "frontendAttrs">): CacheExport[] {
  if (internal) return [];
  const asked = cache?.exports ?? [];
  const isInline = ["1", "true"].includes(frontendAttrs.get("build-arg:BUILDKIT_INLINE_CACHE") ?? "");
  const inline = { type: "inline", attrs: new Map<string, string>() };
  return parseCacheExports(
    isInline && !asked.some(({ type }) => type === "inline") ? [...asked, inline] : asked,
  );
}

/** What an image is to hold of its own cache, where the client wants that. */
export async function inlineCacheOf(
  job: Job,
  { build, image, layers }: ResultRef & SolvedImage,
): Promise<Pick<BuiltResult, "inlineCache">> {
  if (!exportsOf(job.request).some(({ target }) => target.type === "inline")) return {};
  return { inlineCache: describeInline(await build.stepsOf(image, false), layers) };
}

/**
 * Writes the caches that the client wants, one after the other.
 * @returns what it is answered: of each directory its manifest. Clients put the one that BuildKit has a key for into the index of a
 * directory, so it is that of the last directory, and a registry's only where there is none
 * @throws what goes wrong
 */
export async function exportCaches(job: Job, built: readonly ResultRef[]): Promise<Map<string, string>> {
  const response = new Map<string, string>();
  const [first] = built;
  const orders = exportsOf(job.request);
  const hasDirectory = orders.some(({ target }) => target.type === "local");
  for (const order of orders) {
    const { target } = order;
    if (target.type === "inline" || !first) continue;
    try {
      const steps = await Promise.all(
        built.map(({ build, image }) => build.stepsOf(image, order.mode === "max")),
      );
      const manifest = JSON.stringify(await first.build.exportCache(order, steps.flat()));
      if (target.type === "local") response.set(storeManifestKey(target.store), manifest);
      if (target.type === "local" || !hasDirectory) response.set(cacheManifestKey, manifest);
    } catch (error) {
      job.signal.throwIfAborted();
      // The progress has it.
      if (!order.ignoresErrors) throw unavailable(`error writing cache: ${messageOf(error)}`, error);
    }
  }
  return response;
}
