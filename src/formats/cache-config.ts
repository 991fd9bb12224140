import { invalid } from "../errors.ts";
import { type Digest, isDigest } from "./digest.ts";
import { isObject, parseJson } from "./json.ts";

/*
 * How BuildKit describes a build cache that is kept elsewhere (its `cache/remotecache/v1`): layers, each on another, and records, which say
 * by their digests for which step which layers stand. In an image ("inline") there are the records alone, since the layers are its own.
 */

export const cacheConfigType = "application/vnd.buildkit.cacheconfig.v0";
/** The member of an image's config that has its inline cache. */
export const inlineCacheKey = "moby.buildkit.cache.v0";

export interface CacheLayer {
  blob: Digest;
  /** The number of the layer below; -1 for none. */
  parent: number;
}

export interface CacheConfigRecord {
  /** What the step depends on. */
  digest: Digest;
  /** Records of what it needs, for each of its inputs the possible ones. */
  inputs: { selector: string; link: number }[][];
  results: CacheResult[];
}

/** Layers by their numbers: the topmost one, or all, base first. */
export type CacheResult = ({ top: number } | { chain: number[] }) & {
  /** Milliseconds since the epoch; undefined when unknown. */
  createdAt: number | undefined;
};

export interface CacheConfig {
  layers: CacheLayer[];
  records: CacheConfigRecord[];
}

const most = { layers: 10_000, records: 50_000, inputs: 1000, results: 100, depth: 500, selector: 4096 };
/** Of the time that other documents are given: a cache of many steps is a large one. */
const patience = 20;
const what = "cache config";

/** @throws invalid for what is none, has links to nowhere or in a circle, or is beyond all measure */
export function parseCacheConfig(text: string): CacheConfig {
  const { layers, records } = parseJson(text, what, patience);
  const config = {
    layers: readList(layers, "layers", most.layers, readLayer),
    records: readList(records, "records", most.records, readRecord),
  };
  checkLayers(config.layers);
  checkRecords(config);
  return config;
}

/** Reads what an image's config has. @param blobs the image's layers, base first @throws as `parseCacheConfig` */
export function parseInlineCache(text: string, blobs: readonly Digest[]): CacheConfig {
  const { records } = parseJson(`{"records":${text}}`, what, patience);
  const config = {
    layers: blobs.map((blob, at) => ({ blob, parent: at - 1 })),
    records: readList(records, "records", most.records, readRecord),
  };
  checkRecords(config);
  return config;
}

/** The numbers of a result's layers, base first. */
export function layersOfResult({ layers }: Pick<CacheConfig, "layers">, result: CacheResult): number[] {
  if ("chain" in result) return result.chain;
  const chain: number[] = [];
  for (let at = result.top; at >= 0; at = layers[at]?.parent ?? -1) chain.push(at);
  return chain.reverse();
}

export function formatCacheConfig({ layers, records }: CacheConfig): string {
  return JSON.stringify({
    ...(layers.length > 0 && { layers: layers.map(({ blob, parent }) => ({ blob, parent })) }),
    ...(records.length > 0 && { records: records.map(writeRecord) }),
  });
}

/** As an image's config has it. */
export function formatInlineCache(records: readonly CacheConfigRecord[]): string {
  return JSON.stringify(records.map(writeRecord));
}

function writeRecord({ digest, inputs, results }: CacheConfigRecord): object {
  const time = ({ createdAt }: CacheResult) =>
    createdAt === undefined ? {} : { createdAt: new Date(createdAt).toISOString() };
  const tops = results.flatMap((one) => ("top" in one ? [{ layer: one.top, ...time(one) }] : []));
  const chains = results.flatMap((one) => ("chain" in one ? [{ layers: one.chain, ...time(one) }] : []));
  return {
    ...(tops.length > 0 && { layers: tops }),
    ...(chains.length > 0 && { chains }),
    digest,
    ...(inputs.length > 0 && {
      inputs: inputs.map((links) =>
        links.map(({ selector, link }) => ({ ...(selector !== "" && { selector }), link })),
      ),
    }),
  };
}

function readList<T>(value: unknown, name: string, limit: number, read: (one: unknown) => T): T[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw wrong(`${name} is not a list`);
  if (value.length > limit) throw wrong(`${name} has more than ${limit} elements`);
  return value.map(read);
}

function readLayer(value: unknown): CacheLayer {
  if (!isObject(value)) throw wrong("a layer is not an object");
  return { blob: readDigest(value.blob), parent: value.parent === undefined ? 0 : readNumber(value.parent) };
}

function readRecord(value: unknown): CacheConfigRecord {
  if (!isObject(value)) throw wrong("a record is not an object");
  const tops = readList(value.layers, "results", most.results, (one): CacheResult => {
    if (!isObject(one)) throw wrong("a result is not an object");
    return { top: readNumber(one.layer ?? 0), createdAt: readTime(one.createdAt) };
  });
  const chains = readList(value.chains, "results", most.results, (one): CacheResult => {
    if (!isObject(one)) throw wrong("a result is not an object");
    const chain = readList(one.layers, "layers of a result", most.depth, readNumber);
    return { chain, createdAt: readTime(one.createdAt) };
  });
  return {
    digest: readDigest(value.digest),
    inputs: readList(value.inputs, "inputs", most.inputs, (links) =>
      readList(links, "links", most.inputs, readInput),
    ),
    results: [...tops, ...chains],
  };
}

function readInput(value: unknown): { selector: string; link: number } {
  if (!isObject(value)) throw wrong("a link is not an object");
  const { selector = "", link = 0 } = value;
  if (typeof selector !== "string" || selector.length > most.selector) throw wrong("a selector is no path");
  return { selector, link: readNumber(link) };
}

function readDigest(value: unknown): Digest {
  if (typeof value === "string" && isDigest(value)) return value;
  throw wrong("something has no sha256 digest");
}

function readNumber(value: unknown): number {
  if (typeof value === "number" && Number.isSafeInteger(value)) return value;
  throw wrong("what should be a number is none");
}

/** Go's zero time stands for none. Nothing was made later than now, whatever clocks or liars say. */
function readTime(value: unknown): number | undefined {
  const time = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return time > 0 ? Math.min(time, Date.now()) : undefined;
}

/** Each stands on one that is there, and in the end on nothing. */
function checkLayers(layers: readonly CacheLayer[]): void {
  const depths = new Map<number, number>([[-1, 0]]);
  for (let start = 0; start < layers.length; start++) {
    const above: number[] = [];
    let at = start;
    for (; !depths.has(at); at = layers[at]?.parent ?? 0) {
      if (at < 0 || at >= layers.length) throw wrong("a layer stands on one that is not there");
      above.push(at);
      if (above.length > most.depth) throw wrong("its layers go round in a circle, or are too deep");
    }
    let depth = depths.get(at) as number;
    for (const one of above.reverse()) depths.set(one, ++depth);
    if (depth > most.depth) throw wrong("its layers go round in a circle, or are too deep");
  }
}

function checkRecords({ layers, records }: CacheConfig): void {
  const isThere = (number: number) => number >= 0 && number < layers.length;
  for (const { results, inputs } of records) {
    for (const one of results)
      if (!("top" in one ? [one.top] : one.chain).every(isThere))
        throw wrong("a record leads to a layer that is not there");
    for (const { link } of inputs.flat())
      if (link < 0 || link >= records.length) throw wrong("a record leads to one that is not there");
  }
  checkLinks(records);
}

/** No record needs itself, by whatever way. */
function checkLinks(records: readonly CacheConfigRecord[]): void {
  const [begun, done] = [new Set<number>(), new Set<number>()];
  for (let start = 0; start < records.length; start++) {
    const path: { at: number; left: number[] }[] = [];
    const enter = (at: number) => {
      if (done.has(at)) return;
      if (begun.has(at)) throw wrong("its records go round in a circle");
      begun.add(at);
      path.push({ at, left: records[at]?.inputs.flat().map(({ link }) => link) ?? [] });
    };
    enter(start);
    for (let last = path.at(-1); last; last = path.at(-1)) {
      const next = last.left.pop();
      if (next !== undefined) enter(next);
      else {
        done.add(last.at);
        path.pop();
      }
    }
  }
}

const wrong = (why: string) => invalid(`invalid ${what}: ${why}`);
