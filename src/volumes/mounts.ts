import { mkdir, stat } from "node:fs/promises";
import { hasCode, invalid, messageOf, notImplemented } from "../errors.ts";
import { type BindSpec, cleanPath, parseBind, parseMountTarget } from "../formats/bind-spec.ts";
import type { MountSpec } from "../formats/docker-api.ts";
import { checkProcTarget } from "./proc-targets.ts";
import type { VolumeCreateBody, VolumeRecord } from "./volume.ts";

/** What a container mounts, settled at its create; stored with it. */
export interface ResolvedMount {
  type: "bind" | "volume" | "tmpfs";
  /** Of a volume. */
  name?: string;
  /** Host path; "" for tmpfs. */
  source: string;
  destination: string;
  /** As `inspect` shows it. */
  mode: string;
  readOnly: boolean;
  /** Of a bind: "rprivate" unless the user said otherwise; "" for the others. */
  propagation: string;
  /** Image content at the destination goes into the volume while that is empty. */
  copyUp: boolean;
  /** Made for this container: goes with it on `rm -v` and `run --rm`. */
  isAnonymous: boolean;
  /** A missing source is made, as -v does, instead of refused. */
  createSource: boolean;
  /** A bind without the mounts below its source. */
  isNonRecursive: boolean;
  /** mount(8) options of a tmpfs: "size=64m,mode=1777". */
  tmpfsOptions: string;
  /** From `HostConfig.Tmpfs`: Docker's inspect does not list it under Mounts. */
  isListed: boolean;
}

/** What a container's settings say of mounts. Later kinds win over earlier ones at the same destination. */
export interface MountInput {
  /** `Config.Volumes` of the image and the container. */
  imageVolumes: string[];
  /** Of the other containers, with the mode asked for applied. */
  volumesFrom: ResolvedMount[];
  binds: string[];
  mounts: MountSpec[];
  tmpfs: Record<string, string>;
}

/** The volumes that mounts are resolved against. */
interface VolumeSource {
  has(name: string): boolean;
  create(body: VolumeCreateBody, options: { isUnclaimed: boolean }): VolumeRecord;
  directoryOf(record: VolumeRecord): string;
  undoCreate(names: string[]): Promise<void>;
}

/** A mount whose volume is not made yet. */
interface PlannedMount extends ResolvedMount {
  volume?: VolumeCreateBody;
}

const plain: Omit<ResolvedMount, "type" | "destination"> = {
  source: "",
  mode: "",
  readOnly: false,
  propagation: "",
  copyUp: false,
  isAnonymous: false,
  createSource: false,
  isNonRecursive: false,
  tmpfsOptions: "",
  isListed: true,
};

/** Parents before what lies below them. @throws invalid, notFound, notImplemented; volumes made until then are removed. */
export async function resolveMounts(input: MountInput, volumes: VolumeSource): Promise<ResolvedMount[]> {
  const planned = planMounts(input);
  for (const { destination, source } of planned) await checkProcTarget(destination, source);
  await checkSources(planned);
  const made: string[] = [];
  try {
    const resolved = planned.map((mount) => {
      if (!mount.volume) return mount;
      const isNew = !volumes.has(mount.volume.Name ?? "");
      const { volume, ...rest } = mount;
      const record = volumes.create(volume, { isUnclaimed: mount.isAnonymous });
      if (isNew) made.push(record.name);
      return { ...rest, name: record.name, source: volumes.directoryOf(record) };
    });
    await prepareSources(resolved);
    return resolved;
  } catch (error) {
    await volumes.undoCreate(made);
    throw error;
  }
}

/** Makes the sources of -v that are missing. @throws invalid for one that cannot be made, or a missing one of --mount */
export async function prepareSources(mounts: ResolvedMount[]): Promise<void> {
  for (const { type, source, createSource } of mounts) {
    if (type !== "bind" || !createSource) continue;
    if (await doesExist(source)) continue;
    try {
      await mkdir(source, { recursive: true, mode: 0o755 });
    } catch (error) {
      if (hasCode(error, "EEXIST")) continue;
      throw invalid(`error while creating mount source path '${source}': ${messageOf(error)}`, error);
    }
  }
  await checkSources(mounts);
}

function planMounts(input: MountInput): PlannedMount[] {
  const byDestination = new Map<string, PlannedMount>();
  for (const mount of input.volumesFrom) byDestination.set(mount.destination, { ...mount, copyUp: false });
  const asked = [
    ...input.binds.map(parseBind).map(planBind),
    ...input.mounts.map(planMount),
    ...Object.entries(input.tmpfs).map(planTmpfs),
  ];
  const seen = new Set<string>();
  for (const mount of asked) {
    if (seen.has(mount.destination)) throw invalid(`Duplicate mount point: ${mount.destination}`);
    seen.add(mount.destination);
    byDestination.set(mount.destination, mount);
  }
  for (const spec of input.imageVolumes.map(parseBind)) {
    if (!byDestination.has(spec.target)) byDestination.set(spec.target, { ...planBind(spec), mode: "" });
  }
  const depth = (path: string) => path.split("/").length;
  return [...byDestination.values()].sort(
    (a, b) => depth(a.destination) - depth(b.destination) || (a.destination < b.destination ? -1 : 1),
  );
}

function planBind(spec: BindSpec): PlannedMount {
  const { target: destination, mode, readOnly } = spec;
  if (spec.type === "bind") {
    const propagation = spec.propagation || "rprivate";
    const source = spec.source ?? "";
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
    volume: spec.name === undefined ? {} : { Name: spec.name },
  };
}

function planMount(spec: MountSpec): PlannedMount {
  const type = spec.Type;
  if (type !== "bind" && type !== "volume" && type !== "tmpfs") {
    if (type === "image") throw notImplemented("mounts of type image are not yet supported");
    throw invalid(`invalid mount config for type "${type}": mount type unknown`);
  }
  const wrong = (reason: string) => invalid(`invalid mount config for type "${type}": ${reason}`);
  const destination = parseMountTarget(spec.Target ?? "", type);
  const readOnly = spec.ReadOnly ?? false;
  const foreign = { bind: "BindOptions", volume: "VolumeOptions", tmpfs: "TmpfsOptions" } as const;
  for (const [other, field] of Object.entries(foreign))
    if (other !== type && spec[field]) throw wrong(`field ${field} must not be specified`);
  const source = spec.Source ?? "";
  if (type === "tmpfs") {
    if (source) throw wrong("field Source must not be specified");
    return { ...plain, type, destination, readOnly, tmpfsOptions: formatTmpfs(spec) };
  }
  if (type === "volume") return planVolume(spec, destination, readOnly);
  if (source === "") throw wrong("field Source must not be empty");
  if (!source.startsWith("/")) throw wrong(`invalid mount path: '${source}' mount path must be absolute`);
  return {
    ...plain,
    type,
    source: cleanPath(source),
    destination,
    readOnly,
    propagation: spec.BindOptions?.Propagation || "rprivate",
    createSource: spec.BindOptions?.CreateMountpoint ?? false,
    isNonRecursive: spec.BindOptions?.NonRecursive ?? false,
  };
}

function planVolume(spec: MountSpec, destination: string, readOnly: boolean): PlannedMount {
  const { NoCopy, Labels, DriverConfig, Subpath } = spec.VolumeOptions ?? {};
  if (Subpath) throw notImplemented("volume subpaths are not yet supported");
  const body: VolumeCreateBody = {
    ...(spec.Source && { Name: spec.Source }),
    ...(Labels && { Labels }),
    ...(DriverConfig?.Name && { Driver: DriverConfig.Name }),
    ...(DriverConfig?.Options && { DriverOpts: DriverConfig.Options }),
  };
  const isAnonymous = !spec.Source;
  return {
    ...plain,
    type: "volume",
    destination,
    mode: "z",
    readOnly,
    copyUp: !NoCopy,
    isAnonymous,
    volume: body,
  };
}

/** Options of `--tmpfs`: flags of mount(2), and what the kernel's tmpfs takes as NAME=VALUE. */
const tmpfsFlags = new Set([
  ...["rw", "ro", "suid", "nosuid", "dev", "nodev", "exec", "noexec", "sync", "async", "dirsync"],
  ...["mand", "nomand", "atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime"],
  ...["strictatime", "nostrictatime", "private", "rprivate", "slave", "rslave", "shared", "rshared"],
]);
const tmpfsData = ["mode", "size", "uid", "gid", "mpol", "nr_inodes", "nr_blocks"];

function checkTmpfsOptions(options: string): void {
  for (const option of options.split(",").filter(Boolean)) {
    const isPair = option.includes("=") && tmpfsData.includes(option.split("=", 1)[0] ?? "");
    if (!isPair && !tmpfsFlags.has(option)) throw invalid(`invalid tmpfs option ${JSON.stringify([option])}`);
  }
}

function planTmpfs([target, options]: [string, string]): PlannedMount {
  checkTmpfsOptions(options);
  return {
    ...plain,
    type: "tmpfs",
    destination: parseMountTarget(target, "tmpfs"),
    readOnly: options.split(",").includes("ro"),
    tmpfsOptions: options,
    isListed: false,
  };
}

function formatTmpfs({ TmpfsOptions: options }: MountSpec): string {
  const parts = (options?.Options ?? []).map((pair) => pair.join("="));
  if (options?.SizeBytes) parts.push(`size=${options.SizeBytes}`);
  if (options?.Mode) parts.push(`mode=${options.Mode.toString(8)}`);
  return parts.join(",");
}

async function checkSources(mounts: ResolvedMount[]): Promise<void> {
  for (const { type, source, createSource } of mounts) {
    if (type === "bind" && !createSource && !(await doesExist(source)))
      throw invalid(`invalid mount config for type "bind": bind source path does not exist: ${source}`);
  }
}

async function doesExist(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if (hasCode(error, "ENOENT") || hasCode(error, "ENOTDIR")) return false;
    throw error;
  }
}
