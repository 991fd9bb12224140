import { blockBytes, paddingAfter, type TarEntry, typeFlags } from "./tar-entry.ts";
import { encodeHeader, fitsName, fitsOctal, type TarHeader } from "./tar-header.ts";
import { encodePax, formatPaxTime, type PaxRecords } from "./tar-pax.ts";

/** The two blocks of zeros that end an archive. */
export const archiveEnd = Buffer.alloc(2 * blockBytes);

/**
 * The header of one entry: a plain ustar block when everything fits in it, else with PAX records before it. After it
 * follow `sizeBytes` of data and `paddingAfter(sizeBytes)` zeros. The same entry always gives the same bytes.
 */
export function encodeEntry(entry: TarEntry): Buffer {
  const name = entry.type === "directory" && !entry.name.endsWith("/") ? `${entry.name}/` : entry.name;
  const header: TarHeader = {
    name,
    mode: entry.mode & 0o7777,
    uid: entry.uid,
    gid: entry.gid,
    sizeBytes: entry.type === "file" ? entry.sizeBytes : 0,
    mtimeSeconds: entry.mtime.seconds,
    typeFlag: typeFlags[entry.type],
    linkName: entry.linkName ?? "",
    deviceMajor: entry.deviceMajor ?? 0,
    deviceMinor: entry.deviceMinor ?? 0,
  };
  const records = recordsFor(entry, header);
  if (records.size === 0) return encodeHeader(header);
  const body = encodePax(records);
  const extension = encodeHeader({
    ...header,
    name: `PaxHeaders.0/${baseName(name)}`.slice(0, 100),
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: body.length,
    typeFlag: "x",
    linkName: "",
    deviceMajor: 0,
    deviceMinor: 0,
  });
  return Buffer.concat([extension, body, Buffer.alloc(paddingAfter(body.length)), encodeHeader(header)]);
}

function recordsFor(entry: TarEntry, header: TarHeader): PaxRecords {
  const records: PaxRecords = new Map();
  const put = (keyword: string, value: string | number) =>
    records.set(keyword, Buffer.from(String(value), "latin1"));
  if (!fitsName(header.name)) put("path", header.name);
  if (header.linkName.length > 100) put("linkpath", header.linkName);
  if (!fitsOctal(header.sizeBytes, 12)) put("size", header.sizeBytes);
  if (!fitsOctal(header.uid, 8)) put("uid", header.uid);
  if (!fitsOctal(header.gid, 8)) put("gid", header.gid);
  if (entry.mtime.nanoseconds !== 0 || !fitsOctal(entry.mtime.seconds, 12)) {
    put("mtime", formatPaxTime(entry.mtime));
  }
  for (const [name, value] of [...(entry.xattrs ?? [])].sort(([a], [b]) => (a < b ? -1 : 1))) {
    records.set(`SCHILY.xattr.${name}`, value);
  }
  return records;
}

function baseName(name: string): string {
  return name.replace(/\/+$/, "").replace(/^.*\//s, "");
}
