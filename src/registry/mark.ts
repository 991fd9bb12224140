import { invalid, messageOf } from "../errors.ts";
import { type Digest, isDigest } from "../formats/digest.ts";
import { RegistryError } from "./errors.ts";
import { blobKey, referrersFolder, revisionKey, revisionsFolder, tagKey, tagsFolder } from "./layout.ts";
import { walkRepositories } from "./lists.ts";
import { type ParsedManifest, parseManifestDocument } from "./manifest-document.ts";
import { largestManifestBytes } from "./manifest-parts.ts";
import { findText, readContent, type Storage } from "./storage.ts";

/** What is in use. */
export interface Marks {
  /** In any repository. */
  used: Set<Digest>;
  usedBy(name: string): ReadonlySet<Digest>;
  /** Manifests to remove. */
  untagged: Untagged[];
  /** What one of `untagged` needs is in use after all. */
  spare(untagged: Untagged): void;
}

export interface Untagged {
  name: string;
  digest: Digest;
  parts: Digest[];
}

/** @throws EngineError invalid when a manifest cannot be read */
export async function markUsed(
  storage: Storage,
  { withUntagged, cutoff }: { withUntagged: boolean; cutoff: Date },
): Promise<Marks> {
  const byName = new Map<string, Set<Digest>>();
  const marks: Marks = {
    used: new Set(),
    usedBy: (name) => byName.get(name) ?? new Set(),
    untagged: [],
    spare({ name, digest, parts }) {
      for (const one of [digest, ...parts]) {
        byName.get(name)?.add(one);
        marks.used.add(one);
      }
    },
  };
  for await (const name of walkRepositories(storage, ["_manifests"])) {
    const documents = await readManifests(storage, name);
    const kept = withUntagged ? await findKept(storage, name, documents, cutoff) : new Set(documents.keys());
    const used = new Set<Digest>();
    for (const [digest, { blobs, foreign }] of documents) {
      const parts = [...blobs, ...foreign];
      if (!kept.has(digest)) marks.untagged.push({ name, digest, parts });
      else for (const one of [digest, ...parts]) used.add(one);
    }
    byName.set(name, used);
    for (const digest of used) marks.used.add(digest);
  }
  return marks;
}

async function readManifests(storage: Storage, name: string): Promise<Map<Digest, ParsedManifest>> {
  const documents = new Map<Digest, ParsedManifest>();
  for (const digest of (await storage.list(revisionsFolder(name))).map((hex) => `sha256:${hex}`)) {
    if (!isDigest(digest) || !(await storage.find(revisionKey(name, digest)))) continue;
    try {
      const content = await readContent(storage, blobKey(digest), largestManifestBytes);
      documents.set(digest, parseManifestDocument(content.toString()));
    } catch (error) {
      // One whose content is lost needs nothing any more.
      if (error instanceof RegistryError && error.code === "BLOB_UNKNOWN") continue;
      throw invalid(`${name}@${digest} cannot be read, so nothing is removed: ${messageOf(error)}`, error);
    }
  }
  return documents;
}

/** What tags lead to, what these consist of, and what refers to any of them; and what is young. */
async function findKept(
  storage: Storage,
  name: string,
  documents: ReadonlyMap<Digest, ParsedManifest>,
  cutoff: Date,
): Promise<Set<Digest>> {
  const kept = new Set<Digest>();
  const keep = async (digest: Digest): Promise<void> => {
    if (kept.has(digest)) return;
    kept.add(digest);
    for (const child of documents.get(digest)?.manifests ?? []) await keep(child);
    for (const hex of await storage.list(referrersFolder(name, digest))) await keep(`sha256:${hex}`);
  };
  for (const tag of await storage.list(tagsFolder(name))) {
    const digest = await findText(storage, tagKey(name, tag));
    if (digest !== undefined && isDigest(digest)) await keep(digest);
  }
  for (const digest of documents.keys()) {
    const link = await storage.find(revisionKey(name, digest));
    if (link && link.modified > cutoff) await keep(digest);
  }
  return kept;
}
