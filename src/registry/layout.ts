import { type Digest, hexOf } from "../formats/digest.ts";
import { RegistryError } from "./errors.ts";

/*
 * Keys in the storage. They are those of the CNCF's registry ("distribution", Docker's registry:2), so that a folder or a bucket of
 * the one may be given to the other. What it does not know (uploads, referrers) is in folders it passes over.
 */

const root = "docker/registry/v2";
export const repositoriesFolder = `${root}/repositories`;
export const blobsFolder = `${root}/blobs/sha256`;

/**
 * Garbage collections that are running. The time of each says when it was last seen alive; it is empty and in a folder that is there, so
 * that a full disk has room for it.
 */
export const collectingFolder = root;
export const collectingName = "collecting";
export const collectingKey = (id: string) => `${collectingFolder}/${collectingName}-${id}`;

/** Says that all there is came from the registry which is its content, and may come again. */
export const mirroredKey = `${root}/mirrored`;

const blobFolder = (digest: Digest) => `${blobsFolder}/${hexOf(digest).slice(0, 2)}/${hexOf(digest)}`;
export const blobKey = (digest: Digest) => `${blobFolder(digest)}/data`;
/** Its time says when a client last relied on the blob being there. */
export const claimedKey = (digest: Digest) => `${blobFolder(digest)}/claimed`;
/** Is there while the garbage collection decides on a blob and removes it. */
export const condemnedKey = (digest: Digest) => `${blobFolder(digest)}/condemned`;

const repository = (name: string) => `${repositoriesFolder}/${name}`;
export const layersFolder = (name: string) => `${repository(name)}/_layers/sha256`;
/** Says that the repository has this blob. */
export const layerKey = (name: string, digest: Digest) => `${layersFolder(name)}/${hexOf(digest)}/link`;
export const revisionsFolder = (name: string) => `${repository(name)}/_manifests/revisions/sha256`;
/** Says that the repository has this manifest. */
export const revisionKey = (name: string, digest: Digest) => `${revisionsFolder(name)}/${hexOf(digest)}/link`;
export const tagsFolder = (name: string) => `${repository(name)}/_manifests/tags`;
export const tagFolder = (name: string, tag: string) => `${tagsFolder(name)}/${tag}`;
export const tagKey = (name: string, tag: string) => `${tagFolder(name, tag)}/current/link`;
export const referrersFolder = (name: string, subject: Digest) =>
  `${repository(name)}/_referrers/sha256/${hexOf(subject)}`;
/** The descriptor of a manifest that has `subject`. */
export const referrerKey = (name: string, subject: Digest, digest: Digest) =>
  `${referrersFolder(name, subject)}/${hexOf(digest)}`;
export const uploadsFolder = (name: string) => `${repository(name)}/_chunks`;
export const uploadFolder = (name: string, id: string) => `${uploadsFolder(name)}/${id}`;
export const uploadKey = (name: string, id: string) => `${uploadFolder(name, id)}/started`;

const component = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const namePattern = new RegExp(`^${component}(?:/${component})*$`);
const longestName = 255;

/** Specification, "Pulling manifests". */
export function isName(text: string): boolean {
  return text.length <= longestName && namePattern.test(text);
}

/** @throws RegistryError NAME_INVALID */
export function checkName(name: string): string {
  if (isName(name)) return name;
  throw new RegistryError(
    "NAME_INVALID",
    name !== name.toLowerCase()
      ? `invalid repository name ${JSON.stringify(name)}: it must be lowercase`
      : `invalid repository name ${JSON.stringify(name.slice(0, longestName))}`,
  );
}
