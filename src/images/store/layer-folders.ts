import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Digest } from "../../formats/digest.ts";
import type { Records, State } from "../../state/state.ts";
import { removeTree } from "../../trees/trees.ts";
import { createLayerIndex, type LayerIndex } from "../layer-index.ts";
import type { BlobStore } from "./blobs.ts";
import { type LayerRecord, layerKind } from "./kinds.ts";
import { createLayerNumbers, type LayerNumbers } from "./layer-numbers.ts";
import { createStaging, type Staging } from "./staging.ts";

/** The layers' folders `<root>/layers/<number>`, the records of what is in them, and what is being made. */
export interface LayerFolders {
  readonly folder: string;
  readonly records: Records<LayerRecord>;
  readonly layers: LayerIndex;
  readonly numbers: LayerNumbers;
  readonly staging: Staging;
  readonly underWay: Map<Digest, Promise<LayerRecord>>;
  readonly blobs: BlobStore;
}

export function layerFolderOf({ folder }: LayerFolders, number: number): string {
  return join(folder, String(number));
}

/** Makes records and folders one again after a crash. */
export async function openLayerFolders(root: string, state: State, blobs: BlobStore): Promise<LayerFolders> {
  const folder = join(root, "layers");
  mkdirSync(folder, { recursive: true, mode: 0o710 });
  const records = state.records(layerKind);
  const stored = records.load();
  const names = new Set(readdirSync(folder));
  for (const { chainId, number } of stored.values()) {
    if (names.has(String(number))) continue;
    stored.delete(chainId);
    records.delete(chainId);
  }
  const used = [...stored.values()].map(({ number }) => number);
  const stuck = await removeAllBut(folder, names, new Set([0, ...used]));
  const layers = createLayerIndex(stored);
  const numbers = createLayerNumbers([...used, ...stuck]);
  return { folder, records, layers, numbers, staging: createStaging(folder), underWay: new Map(), blobs };
}

/** @returns the numbers of those that cannot be removed: they stay taken, and do no harm */
async function removeAllBut(folder: string, names: Iterable<string>, used: ReadonlySet<number>) {
  const stuck: number[] = [];
  const leftovers = [...names].filter((name) => !used.has(Number(name)));
  await Promise.all(
    leftovers.map((name) => removeTree(join(folder, name)).catch(() => stuck.push(Number(name)))),
  );
  return stuck;
}
