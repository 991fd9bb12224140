import { lchown, mkdir } from "node:fs/promises";
import { dirname, resolve } from "node:path/posix";
import { hasCode, invalid, messageOf } from "../errors.ts";
import { type BindSpec, parseBind, parseMountTarget } from "../formats/bind-spec.ts";
import type { MountSpec, VolumeCreateRequest } from "../formats/docker-api/docker-api.ts";
import type { IdPair } from "../formats/id-mapping.ts";
import { lazy } from "../sys/lazy.ts";
import { readMountTable } from "../sys/mount-table.ts";
import type { Claim } from "./claims.ts";
import { type PlannedMount, plain, planMount } from "./plan-mount.ts";
import { planTmpfs } from "./plan-tmpfs.ts";
import { checkProcTarget } from "./proc-targets.ts";
import { checkPropagation } from "./propagation.ts";
import type { ResolvedMount } from "./resolved-mount.ts";
import type { Look } from "./sources.ts";
import type { VolumeRecord } from "./volume.ts";

/** What a container's settings say of mounts. Later kinds win over earlier ones at the same destination. */
export interface MountInput {
  /** The id of the container. */
  user: string;
  /** Keys of `Config.Volumes`, most of them an image's words: paths in the container, never host paths or names of volumes. */
  volumePaths: string[];
  /** Of the other containers, with the mode asked for applied. */
  volumesFrom: ResolvedMount[];
  binds: string[];
  mounts: MountSpec[];
  tmpfs: Record<string, string>;
  /** Of volumes for which the user names none: "" for the local one. */
  volumeDriver: string;
  /** The client is older than read-only mounts that are so all the way down. */
  leavesBelow: boolean;
}

/** The volumes that mounts are resolved against. */
interface VolumeSource {
  has(name: string): boolean;
  create(body: VolumeCreateRequest, options: { isUnclaimed: boolean }): VolumeRecord;
  directoryOf(record: VolumeRecord): string;
  /** Keeps a volume from being removed. */
  hold(name: string, user: string): Claim;
  /** Throws nothing: the caller has an error of its own to tell. */
  undoCreate(names: string[]): Promise<void>;
  look: Look;
  /** Where the engine keeps everything. */
  engineRoot: string;
  /** Of sources of binds that are made; root without. */
  bindOwner: IdPair | undefined;
}

/**
 * Parents before what lies below them. @returns also a claim on their volumes.
 * @throws invalid, notFound, notImplemented; anonymous volumes made until then are removed. As with Docker named ones stay: others may
 * have put something into them meanwhile.
 */
export async function resolveMounts(
  input: MountInput,
  volumes: VolumeSource,
): Promise<{ mounts: ResolvedMount[]; volumes: Claim }> {
  const planned = planMounts(input).map((mount) => withPropagation(mount, volumes.engineRoot));
  const made: string[] = [];
  const held: Claim[] = [];
  const free = () => {
    for (const claim of held) claim.free();
  };
  try {
    // Before anything is waited for: the container that they are taken over from may go meanwhile.
    for (const name of volumesAmong(planned)) {
      if (!volumes.has(name)) throw invalid(`get ${name}: no such volume`);
      held.push(volumes.hold(name, input.user));
    }
    for (const { destination, source } of planned) {
      if (destination === "/proc" && source !== "") await volumes.look(source);
      await checkProcTarget(destination, source);
    }
    await checkSources(planned, volumes.look);
    const resolved = planned.map((mount) => {
      if (!mount.volume) return mount;
      const { volume, ...rest } = mount;
      const record = volumes.create(volume, { isUnclaimed: mount.isAnonymous });
      held.push(volumes.hold(record.name, input.user));
      if (mount.isAnonymous) made.push(record.name);
      return { ...rest, name: record.name, source: volumes.directoryOf(record) };
    });
    await prepareSources(resolved, volumes.bindOwner, volumes.look);
    return { mounts: resolved, volumes: { free } };
  } catch (error) {
    free();
    await volumes.undoCreate(made);
    throw error;
  }
}

/** Names of those that are there already. */
function volumesAmong(mounts: ResolvedMount[]): string[] {
  return mounts.flatMap(({ type, name }) => (type === "volume" && name ? [name] : []));
}

/** Makes the sources of -v that are missing. @param owner whose they are then; root's without. @throws invalid for one that cannot be made, or a missing one of --mount */
async function prepareSources(mounts: ResolvedMount[], owner: IdPair | undefined, look: Look): Promise<void> {
  for (const { type, source, createSource } of mounts) {
    if (type !== "bind" || !createSource) continue;
    if ((await look(source)).exists) continue;
    try {
      const first = await mkdir(source, { recursive: true, mode: 0o755 });
      if (owner && first !== undefined) await giveAway(first, source, owner);
    } catch (error) {
      if (hasCode(error, "EEXIST")) continue;
      throw invalid(`error while creating mount source path '${source}': ${messageOf(error)}`, error);
    }
  }
  await checkSources(mounts, look);
}

/** All that was made: `first`, and what is below it on the way to `last`. */
async function giveAway(first: string, last: string, { uid, gid }: IdPair): Promise<void> {
  for (let path = last; path.length >= first.length; path = dirname(path)) await lchown(path, uid, gid);
}

/** At a start: as `prepareSources`, and refuses a propagation that cannot be. @throws invalid, internal */
export async function prepareStart(
  mounts: ResolvedMount[],
  engineRoot: string,
  owner: IdPair | undefined,
  look: Look,
): Promise<void> {
  await prepareSources(mounts, owner, look);
  const table = lazy(readMountTable);
  for (const { type, source, propagation } of mounts) {
    // Then it is the default.
    const isWish = propagation !== "rslave" || !isAround(source, engineRoot);
    if (type === "bind" && isWish)
      checkPropagation(source, (await look(source)).realPath, propagation, table);
  }
}

/** As Docker, which needs it for the mounts in its own folder: who sees that sees by default what comes and goes there. */
function withPropagation(mount: PlannedMount, engineRoot: string): PlannedMount {
  if (mount.type !== "bind" || mount.propagation !== "") return mount;
  return { ...mount, propagation: isAround(mount.source, engineRoot) ? "rslave" : "rprivate" };
}

function isAround(source: string, root: string): boolean {
  const below = (path: string, parent: string) => parent === "/" || `${path}/`.startsWith(`${parent}/`);
  return below(source, root) || below(root, source);
}

function planMounts(input: MountInput): PlannedMount[] {
  const byDestination = new Map<string, PlannedMount>();
  for (const mount of input.volumesFrom) byDestination.set(mount.destination, { ...mount, copyUp: false });
  const asked = [
    ...input.binds.map(parseBind).map((spec) => planBind(spec, input.volumeDriver)),
    ...input.mounts.map(planMount),
    ...Object.entries(input.tmpfs).map(planTmpfs),
  ];
  const seen = new Set<string>();
  for (const mount of asked) {
    if (seen.has(mount.destination)) throw invalid(`Duplicate mount point: ${mount.destination}`);
    seen.add(mount.destination);
    byDestination.set(mount.destination, mount);
  }
  for (const mount of input.volumePaths.map((path) => planAnonymous(path, input.volumeDriver))) {
    if (!byDestination.has(mount.destination)) byDestination.set(mount.destination, mount);
  }
  const depth = (path: string) => path.split("/").length;
  const all = [...byDestination.values()];
  if (input.leavesBelow) for (const mount of all) mount.below ||= "writable";
  return all.sort(
    (a, b) => depth(a.destination) - depth(b.destination) || (a.destination < b.destination ? -1 : 1),
  );
}

/** A new volume at just this path, whatever else its characters may mean where users type. */
function planAnonymous(path: string, driver: string): PlannedMount {
  const destination = parseMountTarget(resolve("/", path), "volume");
  const volume = { Driver: driver };
  return { ...plain, type: "volume", destination, copyUp: true, isAnonymous: true, volume };
}

function planBind(spec: BindSpec, driver: string): PlannedMount {
  const { target: destination, mode, readOnly } = spec;
  if (spec.type === "bind") {
    const { source = "", propagation } = spec;
    return { ...plain, type: "bind", source, destination, mode, readOnly, propagation, createSource: true };
  }
  return {
    ...plain,
    type: "volume",
    destination,
    mode: mode || "z",
    readOnly,
    copyUp: !spec.noCopy,
    isAnonymous: spec.name === undefined,
    volume: { ...(spec.name !== undefined && { Name: spec.name }), Driver: driver },
  };
}

async function checkSources(mounts: ResolvedMount[], look: Look): Promise<void> {
  for (const { type, source, createSource } of mounts) {
    if (type === "bind" && !createSource && !(await look(source)).exists)
      throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
  }
}
