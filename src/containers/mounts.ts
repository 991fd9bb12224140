import { invalid } from "../errors.ts";
import type { MountPoint } from "../formats/docker-api.ts";
import type { ImageRecord } from "../images/images.ts";
import type { OciMount } from "../runtime/oci-spec.ts";
import type { ResolvedMount } from "../volumes/volumes.ts";
import type { Container } from "./container.ts";
import { type Containers, findContainer } from "./containers.ts";

/** Settles what a new container mounts; makes the volumes that are missing. @throws EngineError */
export function resolveContainerMounts(
  containers: Containers,
  container: Container,
): Promise<ResolvedMount[]> {
  const { config, hostConfig } = container.record;
  return containers.volumes.resolveMounts({
    imageVolumes: Object.keys(config.Volumes ?? {}),
    volumesFrom: (hostConfig.VolumesFrom ?? []).flatMap((entry) => mountsFrom(containers, entry)),
    binds: hostConfig.Binds ?? [],
    mounts: hostConfig.Mounts ?? [],
    tmpfs: hostConfig.Tmpfs ?? {},
  });
}

/** `--volumes-from name[:ro|rw]` */
function mountsFrom(containers: Containers, entry: string): ResolvedMount[] {
  const [name = "", mode = ""] = entry.split(":", 2);
  if (!["", "ro", "rw", "z", "Z"].includes(mode)) throw invalid(`invalid mode: ${mode}`);
  const source = findContainer(containers, name);
  // "Not found" would make Docker's client look for the image.
  if (!source) throw invalid(`No such container: ${name}`);
  return source.record.mounts
    .filter(({ type }) => type !== "tmpfs")
    .map((mount) => ({ ...mount, readOnly: mode === "ro" || (mode !== "rw" && mount.readOnly) }));
}

/** Before a start: sources that have gone missing are made again, and empty volumes get the image's content. */
export async function prepareMounts(
  containers: Containers,
  container: Container,
  image: ImageRecord,
): Promise<void> {
  const { mounts } = container.record;
  if (mounts.length === 0) return;
  await containers.volumes.prepareSources(mounts);
  const layers = containers.images.lowerDirectories(image);
  for (const { copyUp, name, destination } of mounts) {
    if (copyUp && name) await containers.volumes.copyUp(name, layers, destination);
  }
}

/** The OCI mounts, in the order they are to be made. */
export function encodeMounts(mounts: ResolvedMount[]): OciMount[] {
  return mounts.map((mount) => {
    const access = mount.readOnly ? ["ro"] : [];
    if (mount.type === "tmpfs") {
      const given = mount.tmpfsOptions.split(",").filter((option) => option !== "" && option !== "rw");
      const options = [...new Set(["nosuid", "nodev", "noexec", ...access, ...given])].filter(
        (option) => !given.includes(opposites[option] ?? ""),
      );
      return { destination: mount.destination, type: "tmpfs", source: "tmpfs", options };
    }
    const bind = mount.isNonRecursive ? "bind" : "rbind";
    return {
      destination: mount.destination,
      type: "bind",
      source: mount.source,
      options: [bind, mount.propagation || "rprivate", ...access],
    };
  });
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
export function volumeUsers(containers: Containers, name: string): string[] {
  const users = [...containers.byId.values()].filter(({ record }) =>
    record.mounts.some((m) => m.name === name),
  );
  return users.map(({ record }) => record.id);
}

/** Names of the volumes that were made for this container alone. */
export function anonymousVolumes({ record }: Container): string[] {
  return record.mounts.flatMap(({ isAnonymous, name }) => (isAnonymous && name ? [name] : []));
}
