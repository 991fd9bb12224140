import { invalid } from "../errors.ts";
import {
  type ByteString,
  blockBytes,
  extensionLimitBytes,
  paddingAfter,
  type TarEntry,
  type TarEntryType,
} from "./tar-entry.ts";
import { decodeHeader, readNumber, type TarHeader } from "./tar-header.ts";
import { decodePax, type PaxRecords, parsePaxTime } from "./tar-pax.ts";
import {
  createSparseFiller,
  createSparseMap,
  parseSparseLines,
  readGnuContinuation,
  readGnuHeader,
  readPaxSparse,
  type SparsePiece,
} from "./tar-sparse.ts";

/** Each entry is followed by its data in pieces, with the holes of a sparse file between them, and one "end". */
export type TarEvent = { kind: "entry"; entry: TarEntry } | SparsePiece | { kind: "end" };

export interface TarReader {
  /** What the next bytes of the archive bring. Must be run to its end before the next call. @throws invalid */
  push(chunk: Buffer): Generator<TarEvent>;
  /** @throws invalid when the archive stops in the middle of an entry. */
  finish(): void;
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
const gnuSparseFlag = "S";
/** Numbers in the map of a sparse file. */
const longestMap = 2 * 65_536;
const noBytes = Buffer.alloc(0);
const xattrPrefix = "SCHILY.xattr.";

/** Reads ustar, PAX, GNU and V7 archives, sparse files included, keeping names and attributes byte for byte. */
export function createTarReader(): TarReader {
  let carried: Buffer = noBytes;
  let dataLeft = 0;
  let paddingLeft = 0;
  let extension: TarHeader | undefined;
  /** Of the present entry, when it is sparse. */
  let filler: ReturnType<typeof createSparseFiller> | undefined;
  /** The map of GNU's old format, which goes on in further blocks. */
  let continued: { header: TarHeader; sizeBytes: number; numbers: number[] } | undefined;
  /** The map of format 1.0, which the data begins with. */
  let mapText: { text: string; lines: number; sizeBytes: number } | undefined;
  let pending: Extensions = {};
  const globals: PaxRecords = new Map();
  let ended = false;

  function startEntry(header: TarHeader, gnu?: { sizeBytes: number; numbers: number[] }): TarEvent {
    const entry = applyExtensions(header, globals, pending);
    const told = pending.pax && readPaxSparse(pending.pax);
    pending = {};
    dataLeft = entry.sizeBytes;
    paddingLeft = paddingAfter(entry.sizeBytes);
    filler = undefined;
    const sparse = gnu ?? (entry.type === "file" ? told : undefined);
    if (sparse) {
      if (told?.name) entry.name = told.name;
      if (sparse.numbers)
        filler = createSparseFiller(createSparseMap(sparse.numbers, sparse.sizeBytes, dataLeft));
      else mapText = { text: "", lines: 0, sizeBytes: sparse.sizeBytes };
      entry.sizeBytes = sparse.sizeBytes;
      entry.isSparse = true;
    }
    return { kind: "entry", entry };
  }

  function takeMap(block: Buffer): void {
    if (!mapText) return;
    mapText.text += block.toString("latin1");
    for (const byte of block) if (byte === 0x0a) mapText.lines++;
    dataLeft -= block.length;
    const numbers = parseSparseLines(mapText.text, mapText.lines);
    if (numbers) filler = createSparseFiller(createSparseMap(numbers, mapText.sizeBytes, dataLeft));
    else if (dataLeft < blockBytes || mapText.text.length > extensionLimitBytes)
      throw invalid("invalid tar header: malformed sparse map");
    if (numbers) mapText = undefined;
  }

  /** @returns the header of an entry; undefined when more belongs to it */
  function readHeader(block: Buffer) {
    const header = decodeHeader(block);
    if (!header) return "ended";
    if (extensionFlags.includes(header.typeFlag)) {
      extension = checkExtension(header);
      return undefined;
    }
    if (header.typeFlag !== gnuSparseFlag) return { header };
    const { numbers, isContinued, sizeBytes } = readGnuHeader(block, readNumber);
    const gnu = { sizeBytes, numbers };
    if (!isContinued) return { header, gnu };
    continued = { header, ...gnu };
    return undefined;
  }

  function continueSparse(block: Buffer) {
    if (!continued) return undefined;
    const { numbers, isContinued } = readGnuContinuation(block, readNumber);
    const { header, ...gnu } = continued;
    gnu.numbers.push(...numbers);
    if (gnu.numbers.length > longestMap) throw invalid("invalid tar header: its extension is too large");
    if (isContinued) return undefined;
    continued = undefined;
    return { header, gnu };
  }

  function* endEntry(): Generator<TarEvent> {
    if (filler) yield* filler.end();
    filler = undefined;
    yield { kind: "end" };
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
        if (mapText) {
          if (rest.length < blockBytes) {
            carried = rest;
            return;
          }
          takeMap(rest.subarray(0, blockBytes));
          rest = rest.subarray(blockBytes);
          if (!mapText && dataLeft === 0) yield* endEntry();
        } else if (dataLeft > 0) {
          const data = rest.subarray(0, dataLeft);
          rest = rest.subarray(data.length);
          dataLeft -= data.length;
          if (filler) yield* filler.push(data);
          else yield { kind: "data", data };
          if (dataLeft === 0) yield* endEntry();
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
          const block = rest.subarray(0, blockBytes);
          rest = rest.subarray(blockBytes);
          const header = continued ? continueSparse(block) : readHeader(block);
          if (header === "ended") ended = true;
          else if (header) {
            const { gnu } = header;
            yield startEntry(header.header, gnu);
            if (dataLeft === 0 && !mapText) yield* endEntry();
          }
        }
      }
    },
    finish() {
      const isInside =
        dataLeft > 0 ||
        carried.length > 0 ||
        continued ||
        mapText ||
        extension ||
        pending.pax ||
        pending.name;
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
