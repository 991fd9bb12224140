import type { ImageDescriptor, ManifestSummary } from "../formats/docker-api/docker-api-image.ts";
import type { Descriptor, Platform } from "../formats/oci-manifest.ts";
import type { ImageUser } from "./remove.ts";
import type { ImageRecord, ManifestRecord } from "./store/kinds.ts";

/** A descriptor as the API shows it. */
export function describeDescriptor({
  mediaType,
  digest,
  size,
  annotations,
  platform,
}: Descriptor): ImageDescriptor {
  return {
    ...{ mediaType, digest, size },
    ...(annotations && { annotations }),
    ...(platform && { platform: inOrder(platform) }),
  };
}

/** Every manifest of an image, with `manifests=1`. @param users who were made from the image */
export function summarizeManifests(
  { manifests }: ImageRecord,
  users: readonly ImageUser[],
): ManifestSummary[] {
  return manifests.map((manifest) => summarize(manifest, users));
}

function summarize(manifest: ManifestRecord, users: readonly ImageUser[]): ManifestSummary {
  const { descriptor, kind, content, parts } = manifest;
  const { digest, annotations } = descriptor;
  const blobs = content ? [{ size: content.configBytes }, ...content.blobs] : parts;
  const contentBytes = blobs ? blobs.reduce((sum, { size }) => sum + size, descriptor.size) : 0;
  const unpackedBytes = content?.sizeBytes ?? 0;
  const subject = annotations?.["vnd.docker.reference.digest"];
  return {
    ID: digest,
    Descriptor: describeDescriptor(descriptor),
    Available: blobs !== undefined,
    Size: { Content: contentBytes, Total: contentBytes + unpackedBytes },
    Kind: kind,
    ...(kind === "image" && {
      ImageData: {
        Platform: inOrder(descriptor.platform ?? content?.config ?? { os: "", architecture: "" }),
        Size: { Unpacked: unpackedBytes },
        Containers: listContainers(digest, users),
      },
    }),
    ...(kind === "attestation" && subject !== undefined && { AttestationData: { For: subject } }),
  };
}

function listContainers(digest: string, users: readonly ImageUser[]): string[] | null {
  const ids = users.filter(({ manifest }) => manifest === digest).map(({ containerId }) => containerId);
  return ids.length > 0 ? ids : null;
}

/** As the OCI's own type has them. */
function inOrder({ architecture, os, variant }: Platform) {
  return { architecture, os, ...(variant && { variant }) };
}
