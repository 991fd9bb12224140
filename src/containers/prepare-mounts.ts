import { internal } from "../errors.ts";
import { rootOutside } from "../formats/id-mapping.ts";
import { bytesOfText } from "../formats/tar/tar-entry.ts";
import { checkLayerOwners } from "../launch/layer-owners.ts";
import type { UserNamespaceChoice } from "../launch/namespaces.ts";
import { abortable } from "../sys/abortable.ts";
import { type MergedRoot, openMergedRoot } from "../trees/merged.ts";
import type { ResolvedMount, SourceFacts } from "../volumes/volumes.ts";
import type { Container, ContainerRecord } from "./container.ts";
import type { Containers } from "./containers.ts";
import { volumeUsers } from "./mounts.ts";
import { mappingFor } from "./user-namespace.ts";

/**
 * At create, as Docker: a volume that is empty gets what the image has at its place. Never again after that, since a program may empty
 * it.
 * @param signal no volume is begun with after that
 * @throws EngineError internal in Docker's words for one at the place of a file
 */
export async function fillVolumes(
  containers: Containers,
  { record }: Container,
  signal: AbortSignal | undefined,
): Promise<void> {
  const wanted = record.mounts.filter(({ copyUp }) => copyUp);
  if (wanted.length === 0) return;
  const filled = findInImage(containers.images.heldDirectories(record.id), wanted);
  const isMapped = mappingFor(containers, record.hostConfig) !== undefined;
  await copyInto(containers, record, filled, isMapped ? containers.settings.remap : undefined, signal);
}

/** Those for which the image has something. A look costs far less than a copy of nothing. */
function findInImage(layers: string[], mounts: ResolvedMount[]): ResolvedMount[] {
  const root = openMergedRoot(layers);
  try {
    return mounts.filter((mount) => isInImage(root, mount));
  } finally {
    root.close();
  }
}

function isInImage(root: MergedRoot, { destination, isAnonymous }: ResolvedMount): boolean {
  const kind = root.findKind(bytesOfText(destination));
  if (kind !== "other") return kind === "directory";
  throw internal(
    isAnonymous
      ? `cannot mount volume over existing file, file exists ${destination}`
      : `source ${destination} is not directory`,
  );
}

/**
 * Before a start: sources that have gone missing are made again, and copies into volumes that were cut off come to their end.
 * @returns what is known of the source of each mount: nothing asks for it once more, since its server may be gone by then
 * @throws EngineError invalid for owners that the user namespace does not have; the signal's reason
 */
export async function prepareMounts(
  containers: Containers,
  { record }: Container,
  userNamespace: UserNamespaceChoice | undefined,
  signal: AbortSignal,
): Promise<(SourceFacts | undefined)[]> {
  const { id, mounts } = record;
  if (mounts.length === 0) return [];
  const { volumes, images } = containers;
  const sources = await volumes.prepareSources(mounts, id, signal);
  const cutOff = mounts.filter(({ name }) => name !== undefined && volumes.wasCutOff(name));
  const copied = cutOff.filter(({ copyUp }) => copyUp);
  if (copied.length > 0) {
    if (userNamespace) await checkLayerOwners(userNamespace.mapping, images.heldDirectories(id));
    await copyInto(containers, record, copied, userNamespace);
  }
  for (const { name = "", readOnly } of cutOff)
    if (!readOnly) await abortable(volumes.keepContent(name), signal);
  return sources;
}

async function copyInto(
  containers: Containers,
  { id, imageId, manifest }: ContainerRecord,
  mounts: ResolvedMount[],
  userNamespace: UserNamespaceChoice | undefined,
  signal?: AbortSignal,
): Promise<void> {
  const layers = containers.images.heldDirectories(id);
  const remap = userNamespace && { userns: userNamespace.path, owner: rootOutside(userNamespace.mapping) };
  for (const { name = "", destination } of mounts) {
    signal?.throwIfAborted();
    await containers.volumes.copyUp(name, layers, destination, {
      ...{ image: manifest?.digest ?? imageId, remap },
      isShared: () => volumeUsers(containers, name).some((user) => user !== id),
    });
  }
}
