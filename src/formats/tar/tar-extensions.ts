import { invalid } from "../../errors.ts";
import type { ByteString, TarEntry, TarEntryType } from "./tar-entry.ts";
import type { TarHeader } from "./tar-header.ts";
import { decodePax, type PaxRecords, parsePaxTime } from "./tar-pax.ts";

/** Entries that say something of those after them: PAX records, and GNU's long names. */
export interface TarExtensions {
  /** @param body stays the caller's. @throws invalid */
  take(typeFlag: string, body: Buffer): void;
  /**
   * The entry that a header begins, with what was said of it, which is forgotten by that.
   * @returns its own PAX records too, for what is not in a `TarEntry`
   * @throws invalid
   */
  apply(header: TarHeader): { entry: TarEntry; pax: PaxRecords | undefined };
  /** Something was said of an entry that has not come yet. */
  readonly isWaiting: boolean;
}

interface Pending {
  pax?: PaxRecords;
  name?: ByteString;
  linkName?: ByteString;
}

const types = new Map<string, TarEntryType>([
  ["0", "file"],
  ["7", "file"],
  ["S", "file"],
  ["1", "link"],
  ["2", "symlink"],
  ["3", "characterDevice"],
  ["4", "blockDevice"],
  ["5", "directory"],
  ["6", "fifo"],
]);
const extensionFlags = "xgLKX";
const xattrPrefix = "SCHILY.xattr.";

/** @throws invalid for one whose body is larger than any honest one */
export function isExtension({ typeFlag, sizeBytes }: TarHeader, limitBytes: number): boolean {
  if (!extensionFlags.includes(typeFlag)) return false;
  if (sizeBytes > limitBytes) throw invalid("invalid tar header: its extension is too large");
  if (sizeBytes < 0) throw invalid("invalid tar header");
  return true;
}

export function createTarExtensions(): TarExtensions {
  let pending: Pending = {};
  return {
    take(typeFlag, body) {
      switch (typeFlag) {
        case "L":
          pending.name = untilNul(body);
          break;
        case "K":
          pending.linkName = untilNul(body);
          break;
        case "g":
          // As with Go, and so with Docker, records for all entries to come must be sound and count for none.
          decodePax(body);
          break;
        default:
          pending.pax = decodePax(Buffer.from(body));
      }
    },
    apply(header) {
      const entry = createEntry(header, pending);
      const { pax } = pending;
      pending = {};
      return { entry, pax };
    },
    get isWaiting() {
      return Boolean(pending.pax || pending.name);
    },
  };
}

function createEntry(header: TarHeader, { pax, name, linkName }: Pending): TarEntry {
  const text = (keyword: string) => pax?.get(keyword)?.toString("latin1") || undefined;
  const number = (keyword: string, otherwise: number) => parseCount(text(keyword)) ?? otherwise;
  const fullName = text("path") ?? name ?? header.name;
  const type = header.typeFlag === "0" && fullName.endsWith("/") ? "directory" : types.get(header.typeFlag);
  if (!type) throw invalid(`unhandled tar header type ${header.typeFlag.charCodeAt(0)}`);
  const mtime = text("mtime");
  const entry: TarEntry = {
    name: fullName,
    type,
    mode: header.mode,
    uid: number("uid", header.uid),
    gid: number("gid", header.gid),
    sizeBytes: type === "file" ? number("size", header.sizeBytes) : 0,
    mtime: mtime ? parsePaxTime(mtime) : { seconds: header.mtimeSeconds, nanoseconds: 0 },
  };
  if (type === "link" || type === "symlink") entry.linkName = text("linkpath") ?? linkName ?? header.linkName;
  if (type === "characterDevice" || type === "blockDevice") {
    entry.deviceMajor = header.deviceMajor;
    entry.deviceMinor = header.deviceMinor;
  }
  const xattrs = readXattrs(pax);
  if (xattrs) entry.xattrs = xattrs;
  if (entry.sizeBytes < 0 || entry.name.includes("\0") || entry.linkName?.includes("\0")) {
    throw invalid("invalid tar header");
  }
  return entry;
}

function readXattrs(pax: PaxRecords | undefined): Map<ByteString, Buffer> | undefined {
  let xattrs: Map<ByteString, Buffer> | undefined;
  for (const [keyword, value] of pax ?? []) {
    if (!keyword.startsWith(xattrPrefix) || keyword.length === xattrPrefix.length) continue;
    xattrs ??= new Map();
    xattrs.set(keyword.slice(xattrPrefix.length), value);
  }
  return xattrs;
}

function parseCount(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw invalid("invalid tar header: malformed number");
  return value;
}

function untilNul(body: Buffer): ByteString {
  const end = body.indexOf(0);
  return body.toString("latin1", 0, end < 0 ? body.length : end);
}
