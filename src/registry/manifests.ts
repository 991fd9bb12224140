import { type Digest, digestOf, isDigest } from "../formats/digest.ts";
import { isTag } from "../formats/reference.ts";
import type { Blobs } from "./blobs.ts";
import { RegistryError } from "./errors.ts";
import {
  blobKey,
  referrerKey,
  referrersFolder,
  revisionKey,
  tagFolder,
  tagKey,
  tagsFolder,
} from "./layout.ts";
import { mostPageBytes, type Page, type PageRequest } from "./lists.ts";
import type { ParsedManifest, ReferrerDescriptor } from "./manifest-document.ts";
import { atOnce, checkParts, largestManifestBytes } from "./manifest-parts.ts";
import type { ManifestReader } from "./manifest-reader.ts";
import { findText, readContent, type Storage } from "./storage.ts";

const mostTypes = 10_000;

export interface StoredManifest {
  digest: Digest;
  mediaType: string;
  content: Buffer;
}

export interface ReferrersRequest extends PageRequest {
  /** Only these. */
  artifactType?: string;
}

export interface Manifests {
  /** By tag or digest. @throws RegistryError MANIFEST_UNKNOWN */
  get(name: string, reference: string): Promise<StoredManifest>;
  /**
   * Stores a manifest, and gives it the tag when the reference is one. The subject need not be there.
   * @throws RegistryError MANIFEST_INVALID, DIGEST_INVALID, MANIFEST_BLOB_UNKNOWN
   */
  put(
    name: string,
    reference: string,
    content: Buffer,
    contentType?: string,
  ): Promise<{ digest: Digest; subject: Digest | undefined }>;
  /** As `put`, whether its parts are there or not. @throws RegistryError MANIFEST_INVALID */
  store(
    name: string,
    content: Buffer,
    tag: string | undefined,
  ): Promise<{ digest: Digest; subject: Digest | undefined }>;
  /** A tag alone, or a manifest with all its tags. @throws RegistryError MANIFEST_UNKNOWN */
  remove(name: string, reference: string): Promise<void>;
  /** Those that have the subject, in the order of their digests, as far as they fit on a page. */
  referrers(name: string, subject: Digest, wanted: ReferrersRequest): Promise<Page<ReferrerDescriptor>>;
}

/** @param read see `ManifestReader` */
export function createManifests(storage: Storage, blobs: Blobs, read: ManifestReader["read"]): Manifests {
  /** What has a digest never changes, and need not be read again to be served. */
  const typesOf = new Map<Digest, string>();

  async function resolve(name: string, reference: string): Promise<Digest> {
    if (isDigest(reference)) return reference;
    if (!isTag(reference)) throw unknown(reference);
    const digest = await findText(storage, tagKey(name, reference));
    if (digest === undefined || !isDigest(digest)) throw unknown(reference);
    return digest;
  }

  async function get(name: string, reference: string): Promise<StoredManifest> {
    const digest = await resolve(name, reference);
    if (!(await storage.find(revisionKey(name, digest)))) throw unknown(reference);
    const content = await readContent(storage, blobKey(digest), largestManifestBytes);
    const mediaType = typesOf.get(digest) ?? (await read(content)).mediaType;
    remember(digest, mediaType);
    return { digest, content, mediaType };
  }

  function remember(digest: Digest, mediaType: string): void {
    if (typesOf.size >= mostTypes) typesOf.clear();
    typesOf.set(digest, mediaType);
  }

  async function store(name: string, content: Buffer, document: ParsedManifest, tag: string | undefined) {
    const digest = digestOf(content);
    await blobs.claim(name, digest);
    await storage.write(blobKey(digest), content);
    const { subject } = document;
    if (subject && isListable(document)) {
      const descriptor = describe(digest, content, document);
      await storage.write(referrerKey(name, subject, digest), descriptor);
    }
    await storage.write(revisionKey(name, digest), digest);
    if (tag !== undefined) await storage.write(tagKey(name, tag), digest);
    return { digest, subject };
  }

  return {
    get,
    store: async (name, content, tag) => store(name, content, await read(content), tag),
    async put(name, reference, content, contentType) {
      const digest = digestOf(content);
      if (reference.includes(":") ? reference !== digest : !isTag(reference)) {
        throw reference.includes(":")
          ? new RegistryError("DIGEST_INVALID", "provided digest did not match uploaded content")
          : new RegistryError("MANIFEST_INVALID", `invalid tag ${JSON.stringify(reference)}`);
      }
      const document = await read(content, contentType);
      if (document.subject && !isListable(document))
        throw new RegistryError("MANIFEST_INVALID", "its annotations are too large for a list of referrers");
      await checkParts({ storage, blobs, read }, name, document);
      return store(name, content, document, isTag(reference) ? reference : undefined);
    },
    async remove(name, reference) {
      if (!isDigest(reference)) {
        await resolve(name, reference);
        return storage.remove(tagFolder(name, reference));
      }
      const { digest, content } = await get(name, reference);
      for (const tag of await storage.list(tagsFolder(name))) {
        const tagged = await findText(storage, tagKey(name, tag));
        if (tagged === digest) await storage.remove(tagFolder(name, tag));
      }
      const { subject } = await read(content);
      if (subject) await storage.remove(referrerKey(name, subject, digest));
      await storage.remove(revisionKey(name, digest));
    },
    referrers: (name, subject, wanted) => listReferrers(storage, referrersFolder(name, subject), wanted),
  };
}

const unknown = (reference: string) =>
  new RegistryError("MANIFEST_UNKNOWN", "manifest unknown to registry", { detail: { reference } });

async function listReferrers(
  storage: Storage,
  folder: string,
  { after, most, artifactType }: ReferrersRequest,
): Promise<Page<ReferrerDescriptor>> {
  const names = (await storage.list(folder)).filter((hex) => `sha256:${hex}` > after);
  const items: ReferrerDescriptor[] = [];
  let bytes = 0;
  for (let at = 0; at < names.length; at += atOnce) {
    const some = names.slice(at, at + atOnce).map((hex) => findText(storage, `${folder}/${hex}`));
    for (const text of await Promise.all(some)) {
      if (text === undefined) continue;
      if (items.length === most || bytes > mostPageBytes) return { items, isMore: most > 0 };
      const one: ReferrerDescriptor = JSON.parse(text);
      if (artifactType && one.artifactType !== artifactType) continue;
      items.push(one);
      bytes += text.length;
    }
  }
  return { items, isMore: false };
}

/** Lists of referrers have the annotations of all of them. */
const mostAnnotationBytes = 64 * 1024;

function isListable({ annotations = "" }: ParsedManifest): boolean {
  return annotations.length <= mostAnnotationBytes;
}

/** A `ReferrerDescriptor` as text. */
function describe(digest: Digest, content: Buffer, document: ParsedManifest): string {
  const { mediaType, artifactType, annotations } = document;
  const fields = {
    mediaType,
    digest,
    size: content.length,
    ...(artifactType !== undefined && { artifactType }),
  };
  const text = JSON.stringify(fields);
  return annotations === undefined ? text : `${text.slice(0, -1)},"annotations":${annotations}}`;
}
