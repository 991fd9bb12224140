import {
  findInside,
  findOutside,
  type IdMapping,
  ownerInside,
  ownerOutside,
  rootOutside,
} from "../id-mapping.ts";
import type { TarEntry } from "./tar-entry.ts";

const capabilityAttribute = "security.capability";
const revisionMask = 0xff00_0000;
const revision2 = 0x0200_0000;
const revision3 = 0x0300_0000;
const revision2Bytes = 20;
const revision3Bytes = 24;

/** An entry that was read outside of a user namespace, as it is inside. */
export function entryInside(mapping: IdMapping, entry: TarEntry): TarEntry {
  return withCapability({ ...entry, ...ownerInside(mapping, entry) }, (value) =>
    capabilityInside(mapping, value),
  );
}

/**
 * An entry for a user namespace, as it is written from outside.
 * @throws EngineError invalid in Docker's words for an owner that the namespace does not have
 */
export function entryOutside(mapping: IdMapping, entry: TarEntry): TarEntry {
  const owned = { ...entry, ...ownerOutside(mapping, entry) };
  return withCapability(owned, (value) => capabilityOutside(mapping, value));
}

function withCapability(entry: TarEntry, translate: (value: Buffer) => Buffer): TarEntry {
  const value = entry.xattrs?.get(capabilityAttribute);
  if (!value) return entry;
  return { ...entry, xattrs: new Map(entry.xattrs).set(capabilityAttribute, translate(value)) };
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
