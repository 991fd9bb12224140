import type { BuiltResult } from "../build/export/image.ts";
import { type CacheExport, type CacheOrder, parseCacheExports } from "../build/remote-cache/cache-orders.ts";
import { describeInline } from "../build/remote-cache/describe-cache.ts";
import type { ExportedStep } from "../build/remote-cache/exported-step.ts";
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

/** A cache that has come to a directory. */
interface WrittenDirectory {
  order: CacheExport;
  store: string;
  steps: readonly ExportedStep[];
  /** Its descriptor, as JSON. */
  manifest: string;
}

/**
 * Writes the caches that the client wants, one after the other.
 * @returns what it is answered: of each directory its manifest, and under BuildKit's key what its clients put into the index of every
 * directory; a registry's only where there is none
 * @throws what goes wrong
 */
export async function exportCaches(job: Job, built: readonly ResultRef[]): Promise<Map<string, string>> {
  const response = new Map<string, string>();
  const [first] = built;
  const directories: WrittenDirectory[] = [];
  if (!first) return response;
  const write = async (order: CacheExport, steps: readonly ExportedStep[]) => {
    try {
      return JSON.stringify(await first.build.exportCache(order, steps));
    } catch (error) {
      job.signal.throwIfAborted();
      // The progress has it.
      if (!order.ignoresErrors) throw unavailable(`error writing cache: ${messageOf(error)}`, error);
      return undefined;
    }
  };
  for (const order of exportsOf(job.request)) {
    const { target } = order;
    if (target.type === "inline") continue;
    const listed = built.map(({ build, image }) => build.stepsOf(image, order.mode === "max"));
    const steps = (await Promise.all(listed)).flat();
    const manifest = await write(order, steps);
    if (manifest === undefined) continue;
    if (target.type === "registry") response.set(cacheManifestKey, manifest);
    else directories.push({ order, store: target.store, steps, manifest });
  }
  const fullest = directories.findLast(({ order }) => order.mode === "max") ?? directories.at(-1);
  if (fullest) response.set(cacheManifestKey, fullest.manifest);
  for (const { order, store, manifest } of directories) {
    response.set(storeManifestKey(store), manifest);
    const isAlone = order.target.type === "local" && order.target.hasOwnIndex;
    // What the index there is going to name has to be there.
    if (fullest && !isAlone && manifest !== fullest.manifest)
      await write(
        { ...fullest.order, target: order.target, ignoresErrors: order.ignoresErrors },
        fullest.steps,
      );
  }
  return response;
}
