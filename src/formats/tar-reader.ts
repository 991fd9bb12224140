import { invalid } from "../errors.ts";
import {
  type ByteString,
  blockBytes,
  extensionLimitBytes,
  paddingAfter,
  type TarEntry,
  type TarEntryType,
} from "./tar-entry.ts";
import { decodeHeader, type TarHeader } from "./tar-header.ts";
import { decodePax, type PaxRecords, parsePaxTime } from "./tar-pax.ts";

/** Each entry is followed by its data in pieces and one "end". */
export type TarEvent = { kind: "entry"; entry: TarEntry } | { kind: "data"; data: Buffer } | { kind: "end" };

export interface TarReader {
  /** What the next bytes of the archive bring. Must be run to its end before the next call. @throws invalid */
  push(chunk: Buffer): Generator<TarEvent>;
  /** @throws invalid when the archive stops in the middle of an entry. */
  finish(): void;
}

const types = new Map<string, TarEntryType>([
  ["0", "file"],
  ["7", "file"],
  ["1", "link"],
  ["2", "symlink"],
  ["3", "characterDevice"],
  ["4", "blockDevice"],
  ["5", "directory"],
  ["6", "fifo"],
]);
const extensionFlags = "xgLKX";
const noBytes = Buffer.alloc(0);
const xattrPrefix = "SCHILY.xattr.";

/** Reads ustar, PAX, GNU and V7 archives, keeping names and attributes byte for byte. Sparse files are refused. */
export function createTarReader(): TarReader {
  let carried: Buffer = noBytes;
  let dataLeft = 0;
  let paddingLeft = 0;
  let extension: TarHeader | undefined;
  let pending: Extensions = {};
  const globals: PaxRecords = new Map();
  let ended = false;

  function startEntry(header: TarHeader): TarEvent {
    const entry = applyExtensions(header, globals, pending);
    pending = {};
    dataLeft = entry.sizeBytes;
    paddingLeft = paddingAfter(entry.sizeBytes);
    return { kind: "entry", entry };
  }

  function takeExtension(body: Buffer): void {
    switch (extension?.typeFlag) {
      case "L":
        pending.name = untilNul(body);
        break;
      case "K":
        pending.linkName = untilNul(body);
        break;
      case "g":
        for (const [keyword, value] of decodePax(Buffer.from(body))) globals.set(keyword, value);
        break;
      default:
        pending.pax = decodePax(Buffer.from(body));
    }
    paddingLeft = paddingAfter(body.length);
    extension = undefined;
  }

  return {
    *push(chunk) {
      let rest = carried.length > 0 ? Buffer.concat([carried, chunk]) : chunk;
      carried = noBytes;
      while (rest.length > 0 && !ended) {
        if (dataLeft > 0) {
          const data = rest.subarray(0, dataLeft);
          rest = rest.subarray(data.length);
          dataLeft -= data.length;
          yield { kind: "data", data };
          if (dataLeft === 0) yield { kind: "end" };
        } else if (paddingLeft > 0) {
          const skipped = Math.min(paddingLeft, rest.length);
          paddingLeft -= skipped;
          rest = rest.subarray(skipped);
        } else if (rest.length < (extension?.sizeBytes ?? blockBytes)) {
          carried = rest;
          return;
        } else if (extension) {
          const { sizeBytes } = extension;
          takeExtension(rest.subarray(0, sizeBytes));
          rest = rest.subarray(sizeBytes);
        } else {
          const header = decodeHeader(rest.subarray(0, blockBytes));
          rest = rest.subarray(blockBytes);
          if (!header) ended = true;
          else if (extensionFlags.includes(header.typeFlag)) extension = checkExtension(header);
          else {
            yield startEntry(header);
            if (dataLeft === 0) yield { kind: "end" };
          }
        }
      }
    },
    finish() {
      const isInside = dataLeft > 0 || carried.length > 0 || extension || pending.pax || pending.name;
      if (isInside && !ended) throw invalid("unexpected EOF: the archive is truncated");
    },
  };
}

interface Extensions {
  pax?: PaxRecords;
  name?: ByteString;
  linkName?: ByteString;
}

function checkExtension(header: TarHeader): TarHeader | undefined {
  if (header.sizeBytes > extensionLimitBytes) throw invalid("invalid tar header: its extension is too large");
  if (header.sizeBytes < 0) throw invalid("invalid tar header");
  return header.sizeBytes === 0 ? undefined : header;
}

function applyExtensions(
  header: TarHeader,
  globals: PaxRecords,
  { pax, name, linkName }: Extensions,
): TarEntry {
  const text = (keyword: string) =>
    (pax?.get(keyword) ?? globals.get(keyword))?.toString("latin1") || undefined;
  const number = (keyword: string, otherwise: number) => parseCount(text(keyword)) ?? otherwise;
  const isDirectory = header.typeFlag === "0" && (text("path") ?? name ?? header.name).endsWith("/");
  const type = isDirectory ? "directory" : types.get(header.typeFlag);
  const isSparse = [...(pax?.keys() ?? [])].some((keyword) => keyword.startsWith("GNU.sparse."));
  if (header.typeFlag === "S" || isSparse) throw invalid("sparse files in archives are not supported");
  if (!type) throw invalid(`unhandled tar header type ${header.typeFlag.charCodeAt(0)}`);
  const mtime = text("mtime");
  const entry: TarEntry = {
    name: text("path") ?? name ?? header.name,
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
