import {
  findInside,
  findOutside,
  type IdMapping,
  idInside,
  idOutside,
  ownerInside,
  ownerOutside,
  rootOutside,
} from "../id-mapping.ts";
import type { TarEntry } from "./tar-entry.ts";
import { translateAcl } from "./translate-acl.ts";

const capabilityAttribute = "security.capability";
const aclAttributes = new Set(["system.posix_acl_access", "system.posix_acl_default"]);
const revisionMask = 0xff00_0000;
const revision2 = 0x0200_0000;
const revision3 = 0x0300_0000;
const revision2Bytes = 20;
const revision3Bytes = 24;

/** An entry that was read outside of a user namespace, as it is inside. */
export function entryInside(mapping: IdMapping, entry: TarEntry): TarEntry {
  return withAttributes(
    { ...entry, ...ownerInside(mapping, entry) },
    {
      capability: (value) => capabilityInside(mapping, value),
      user: (id) => idInside(mapping.uids, id),
      group: (id) => idInside(mapping.gids, id),
    },
  );
}

/**
 * An entry for a user namespace, as it is written from outside.
 * @throws EngineError invalid in Docker's words for an id that the namespace does not have, of an owner or in an ACL
 */
export function entryOutside(mapping: IdMapping, entry: TarEntry): TarEntry {
  return withAttributes(
    { ...entry, ...ownerOutside(mapping, entry) },
    {
      capability: (value) => capabilityOutside(mapping, value),
      user: (id) => idOutside(mapping.uids, id),
      group: (id) => idOutside(mapping.gids, id),
    },
  );
}

interface Translation {
  capability: (value: Buffer) => Buffer;
  user: (id: number) => number;
  group: (id: number) => number;
}

/** Those that hold ids. */
function withAttributes(entry: TarEntry, translation: Translation): TarEntry {
  if (!entry.xattrs) return entry;
  const xattrs = new Map(entry.xattrs);
  for (const [name, value] of entry.xattrs) {
    if (name === capabilityAttribute) xattrs.set(name, translation.capability(value));
    else if (aclAttributes.has(name)) xattrs.set(name, translateAcl(value, translation));
  }
  return { ...entry, xattrs };
}

/** Capabilities that count for the namespace's root are a plain file's inside (linux/capability.h, struct vfs_ns_cap_data). */
function capabilityInside({ uids }: IdMapping, value: Buffer): Buffer {
  if (value.length !== revision3Bytes || revisionOf(value) !== revision3) return value;
  const root = findInside(uids, value.readUInt32LE(revision2Bytes));
  if (root === undefined) return value;
  if (root !== 0) return withRevision(value, revision3, root);
  return withRevision(value.subarray(0, revision2Bytes), revision2);
}

function capabilityOutside(mapping: IdMapping, value: Buffer): Buffer {
  if (value.length === revision2Bytes && revisionOf(value) === revision2)
    return withRevision(value, revision3, rootOutside(mapping).uid);
  if (value.length !== revision3Bytes || revisionOf(value) !== revision3) return value;
  const root = findOutside(mapping.uids, value.readUInt32LE(revision2Bytes));
  return root === undefined ? value : withRevision(value, revision3, root);
}

function revisionOf(value: Buffer): number {
  return (value.readUInt32LE(0) & revisionMask) >>> 0;
}

/** @param root of the namespace that they count in, for revision 3 */
function withRevision(value: Buffer, revision: number, root?: number): Buffer {
  const made = Buffer.alloc(root === undefined ? revision2Bytes : revision3Bytes);
  value.copy(made, 0, 0, revision2Bytes);
  made.writeUInt32LE(((value.readUInt32LE(0) & ~revisionMask) | revision) >>> 0, 0);
  if (root !== undefined) made.writeUInt32LE(root, revision2Bytes);
  return made;
}
