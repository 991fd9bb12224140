import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { invalid } from "../errors.ts";
import type { HostConfig, MountPoint } from "../formats/docker-api/docker-api.ts";
import type { LaunchMount } from "../launch/launch-mount.ts";
import type { OciMount } from "../runtime/oci-spec.ts";
import { readOnlyOption } from "../runtime/read-only-mount.ts";
import { keptFlagsOf, type MountTable, readMountTable } from "../sys/mount-table.ts";
import type { Claim, ResolvedMount, SourceFacts } from "../volumes/volumes.ts";
import type { Container } from "./container.ts";
import { type Containers, findContainer } from "./containers.ts";
import { imageSource } from "./mount-sources.ts";

/** Settles what a new container mounts; makes the volumes that are missing, and keeps them until they are freed. @throws EngineError */
export async function resolveContainerMounts(
  containers: Containers,
  container: Container,
  { leavesBelow = false, signal }: { leavesBelow?: boolean; signal?: AbortSignal },
): Promise<{ mounts: ResolvedMount[]; volumes: Claim }> {
  const { id, config, hostConfig } = container.record;
  // First, for its errors.
  const images = new Map(imageNames(hostConfig).map((name) => [name, containers.images.getImage(name).id]));
  const wanted = {
    user: id,
    volumePaths: Object.keys(config.Volumes ?? {}),
    volumesFrom: (hostConfig.VolumesFrom ?? []).flatMap((entry) => mountsFrom(containers, entry)),
    binds: hostConfig.Binds ?? [],
    mounts: hostConfig.Mounts ?? [],
    tmpfs: hostConfig.Tmpfs ?? {},
    volumeDriver: hostConfig.VolumeDriver,
    leavesBelow,
  };
  const { mounts, volumes } = await containers.volumes.resolveMounts(wanted, signal);
  const withImages = mounts.map((mount, index) => {
    if (mount.type !== "image") return mount;
    const imageId = mount.imageId || (images.get(mount.name ?? "") ?? "");
    return { ...mount, imageId, source: imageSource(containers, id, index) };
  });
  return { mounts: withImages, volumes };
}

/** Of the images that are to be mounted. */
function imageNames({ Mounts }: HostConfig): string[] {
  return (Mounts ?? []).flatMap(({ Type, Source }) => (Type === "image" && Source ? [Source] : []));
}

/** `--volumes-from name[:ro|rw]`: what is read-only there stays so. */
function mountsFrom(containers: Containers, entry: string): ResolvedMount[] {
  if (entry === "") throw invalid("volumes-from specification cannot be an empty string");
  const [name = "", mode = ""] = entry.split(":", 2);
  if (!["", "ro", "rw", "z", "Z"].includes(mode)) throw invalid(`invalid mode: ${mode}`);
  const source = findContainer(containers, name);
  // "Not found" would make Docker's client look for the image.
  if (!source) throw invalid(`No such container: ${name}`);
  return source.record.mounts
    .filter(({ type }) => type !== "tmpfs")
    .map((mount) => ({ ...mount, readOnly: mount.readOnly || mode === "ro" }));
}

/**
 * The mounts, in the order in which the runtime makes them.
 * @param isOwn whether the engine has that volume's files itself, and mounts nothing from elsewhere
 * @throws invalid
 */
export function encodeMounts(
  mounts: ResolvedMount[],
  known: (SourceFacts | undefined)[],
  isOwn: (volume: string) => boolean,
): LaunchMount[] {
  const isBound = mounts.some(({ type }) => type !== "tmpfs");
  const table = isBound ? readMountTable() : [];
  return mounts.map((mount, index) => {
    if (mount.type === "tmpfs") return encodeTmpfs(mount);
    const isOwnVolume = mount.type === "volume" && mount.name !== undefined && isOwn(mount.name);
    return { ...encodeBind(mount, known[index], table), isOwn: isOwnVolume };
  });
}

function encodeTmpfs({ destination, readOnly, tmpfsOptions }: ResolvedMount): OciMount {
  const access = readOnly ? ["ro"] : [];
  const given = tmpfsOptions.split(",").filter((option) => option !== "" && option !== "rw");
  const options = [...new Set(["nosuid", "nodev", "noexec", ...access, ...given])].filter(
    (option) => !given.includes(opposites[option] ?? ""),
  );
  return { destination, type: "tmpfs", source: "tmpfs", options };
}

/** crun 1.8 drops the flags of the source's mount unless they are among the options: what is read-only on the host would be writable. */
function encodeBind(mount: ResolvedMount, known: SourceFacts | undefined, table: MountTable): LaunchMount {
  const { destination, source, isNonRecursive, propagation, readOnly, below, type, subpath } = mount;
  const isPlace = type === "image" || subpath !== "";
  const isDirectory =
    known?.isDirectory ?? statSync(source, { throwIfNoEntry: false })?.isDirectory() ?? false;
  const realPath = known && !isPlace ? known.realPath : join(realPathOf(dirname(source)), basename(source));
  const kept = keptFlagsOf(realPath, table);
  const options = [
    isNonRecursive ? "bind" : "rbind",
    propagation || "rprivate",
    ...kept.filter((option) => !(readOnly && option === "ro")),
    // Below a file nothing is mounted, and crun makes only directories read-only all the way down.
    ...(readOnly ? [isDirectory ? readOnlyOption(below) : "ro"] : []),
  ];
  return { destination, type: "bind", source, options, isDirectory };
}

/** What is missing is for the runtime to tell. */
function realPathOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const opposites: Record<string, string> = { nosuid: "suid", nodev: "dev", noexec: "exec" };

/** As inspect shows them. */
export function mountPoints(mounts: ResolvedMount[]): MountPoint[] {
  return mounts
    .filter(({ isListed }) => isListed)
    .map((mount) => ({
      Type: mount.type,
      ...(mount.name && { Name: mount.name }),
      Source: mount.source,
      Destination: mount.destination,
      ...(mount.type === "volume" && { Driver: "local" }),
      Mode: mount.mode,
      RW: !mount.readOnly,
      Propagation: mount.propagation,
    }));
}

export function usesVolume({ record }: Container, name: string): boolean {
  return record.mounts.some((mount) => [mount.name, mount.source, mount.destination].includes(name));
}

/** Ids of the containers, running or not, that have a volume. */
export function volumeUsers({ byVolume }: Containers, name: string): string[] {
  return [...byVolume.of(name)].map(({ record }) => record.id);
}

/** Names of the volumes that were made for this container alone. */
export function anonymousVolumes({ record }: Container): string[] {
  return record.mounts.flatMap(({ isAnonymous, name }) => (isAnonymous && name ? [name] : []));
}
