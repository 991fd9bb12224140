import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { conflict, invalid, notFound } from "../../errors.ts";
import type { Finding } from "../../finding.ts";
import { chainIdOf, type Digest } from "../../formats/digest.ts";
import { removeTree } from "../../trees/trees.ts";
import type { ImageJobs } from "../jobs.ts";
import { makeWritable, type Writable, writableIn } from "../writable.ts";
import type { ImageCatalog } from "./catalog.ts";
import type { Layers } from "./layers.ts";

/** Directories to be mounted one over the other. */
export interface View {
  /** Topmost first. */
  lower: string[];
}

/** The same with one to write to. */
export interface Snapshot extends View, Writable {}

/** What was written to a snapshot, as a layer. */
export interface CommittedLayer {
  /** chainIDs, base first, with the new one. */
  layers: string[];
  diffId: Digest;
  /** Of the archive that it packs to, which is in the blob store as its frame. */
  archiveBytes: number;
  /** Of file content. */
  sizeBytes: number;
}

/**
 * Layers to work on without an image: for a builder's steps. Each has an owner by name, which outlives the daemon: until `remove` the
 * layers stay, whatever images go. A mount is the caller's affair, and gone before `commit` and `remove`.
 */
export interface Snapshots {
  /** A new, empty directory to write to over these layers, base first. @throws invalid, conflict, notFound */
  prepare(name: string, layers: readonly string[]): Snapshot;
  /** Keeps these layers under the name, to be read only. @throws as `prepare` */
  view(name: string, layers: readonly string[]): View;
  /** The same, where the topmost ones are the owner's own: their archives are kept too. @throws as `prepare` */
  adopt(name: string, layers: readonly string[], own?: number): void;
  /** What `prepare` gave. @throws notFound */
  find(name: string): Snapshot;
  /**
   * Makes a layer of what was written, which is moved and nowhere copied or packed. The name keeps it, and has nothing to write to any
   * more. When it fails the snapshot may be gone, but for its name.
   * @throws notFound, conflict
   */
  commit(name: string): Promise<CommittedLayer>;
  /** Silent when there is none. @throws conflict while it is committed */
  remove(name: string): Promise<void>;
  /** All names in use. */
  names(): string[];
  check(): Promise<Finding[]>;
}

interface SnapshotsOptions {
  root: string;
  catalog: ImageCatalog;
  layers: Layers;
  jobs: ImageJobs;
}

/** Among those who hold layers. */
const prefix = "snapshot/";
const namePattern = /^[a-z0-9][a-z0-9._-]{0,127}$/;

/** Where they are, and what they stand on. */
interface Place extends Omit<SnapshotsOptions, "root"> {
  folder: string;
  /** Names of those whose directories are being made into layers. */
  committing: Set<string>;
}

/** Opens them, removing the directories that a crash left of ones that were removed or committed. */
export async function openSnapshots({ root, ...rooms }: SnapshotsOptions): Promise<Snapshots> {
  const place: Place = { ...rooms, folder: join(root, "snapshots"), committing: new Set() };
  const { catalog, layers, committing } = place;
  mkdirSync(place.folder, { recursive: true, mode: 0o710 });
  // One that cannot be removed is for the check to report.
  await Promise.all(listStrays(place).map((name) => removeTree(folderOf(place, name)).catch(() => {})));
  return {
    prepare(name, chains) {
      claim(place, name, chains);
      const lower = lowerOf(place, chains);
      return { lower, ...makeWritable(folderOf(place, name), lower[0]) };
    },
    view(name, chains) {
      claim(place, name, chains);
      return { lower: lowerOf(place, chains) };
    },
    adopt(name, chains, own = 1) {
      claim(place, name, chains);
      const blobs = chains.slice(chains.length - own).flatMap((chain) => layers.find(chain)?.diffId ?? []);
      catalog.holdLayers(prefix + name, { layers: chains, blobs });
    },
    find: (name) => getSnapshot(place, name),
    async commit(name) {
      if (committing.has(name)) throw conflict(`snapshot ${name} is being committed`);
      committing.add(name);
      return commitSnapshot(place, name).finally(() => committing.delete(name));
    },
    async remove(name) {
      if (committing.has(name)) throw conflict(`snapshot ${name} is being committed`);
      if (!isKnown(place, name)) return;
      await catalog.release(prefix + name);
      await removeTree(folderOf(place, name));
    },
    names: () => catalog.owners(prefix).map((owner) => owner.slice(prefix.length)),
    check: async () =>
      listStrays(place).map((name) => ({
        subject: `snapshot ${name}`,
        problem: "its directory belongs to no snapshot",
        repair: () => removeTree(folderOf(place, name)),
      })),
  };
}

const folderOf = ({ folder }: Place, name: string) => join(folder, name);
const isKnown = ({ catalog }: Place, name: string) => catalog.holds(prefix + name);
const lowerOf = ({ layers }: Place, chains: readonly string[]) =>
  chains.map((chain) => layers.directory(chain)).reverse();

/** Directories that belong to no snapshot with something to write to. */
function listStrays(place: Place): string[] {
  const isStray = (name: string) =>
    !isKnown(place, name) || !existsSync(writableIn(folderOf(place, name)).upper);
  return readdirSync(place.folder).filter((name) => !place.committing.has(name) && isStray(name));
}

function claim(place: Place, name: string, chains: readonly string[]): void {
  if (!namePattern.test(name)) throw invalid(`invalid snapshot name ${JSON.stringify(name.slice(0, 200))}`);
  if (isKnown(place, name)) throw conflict(`snapshot ${name} already exists`);
  for (const chain of chains) if (!place.layers.isThere(chain)) throw notFound(`layer ${chain} not found`);
  place.catalog.holdLayers(prefix + name, { layers: chains, blobs: [] });
}

function getSnapshot(place: Place, name: string): Snapshot {
  const folder = folderOf(place, name);
  if (!namePattern.test(name) || !isKnown(place, name) || !existsSync(folder))
    throw notFound(`snapshot ${name} not found`);
  return { lower: lowerOf(place, place.catalog.held(prefix + name)), ...writableIn(folder) };
}

async function commitSnapshot(place: Place, name: string): Promise<CommittedLayer> {
  const { catalog, layers, jobs } = place;
  const { upper } = getSnapshot(place, name);
  const below = catalog.held(prefix + name);
  const staged = await layers.stage((target, framePath) =>
    jobs.stage({ upperDirectory: upper, target, framePath, isMoved: true }),
  );
  const { diffId, archiveBytes, sizeBytes, keep } = staged;
  const chainId = chainIdOf(below.at(-1) as Digest | undefined, diffId);
  try {
    return await catalog.protect([chainId, diffId], async () => {
      await keep(chainId);
      const chains = [...below, chainId];
      catalog.holdLayers(prefix + name, { layers: chains, blobs: [diffId] });
      await removeTree(folderOf(place, name));
      return { layers: chains, diffId, archiveBytes, sizeBytes };
    });
  } finally {
    await staged.discard();
  }
}
