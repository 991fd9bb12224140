import { invalid } from "../../errors.ts";
import type { ByteString, FileTime } from "./tar-entry.ts";

/** PAX records by keyword; values are bytes (POSIX pax, "pax Extended Header"). */
export type PaxRecords = Map<ByteString, Buffer>;

/** Reads `LENGTH KEYWORD=VALUE\n` records. @throws invalid when a length lies. */
export function decodePax(body: Buffer): PaxRecords {
  const records: PaxRecords = new Map();
  const sparseMap: ByteString[] = [];
  let offset = 0;
  while (offset < body.length && body[offset] !== 0) {
    const space = body.indexOf(0x20, offset);
    const lengthText = space < 0 ? "" : body.toString("latin1", offset, space);
    const length = /^\d{1,10}$/.test(lengthText) ? Number(lengthText) : 0;
    const end = offset + length;
    const equals = body.indexOf(0x3d, space);
    if (end > body.length || equals < 0 || equals >= end || end - 1 <= space || body[end - 1] !== 0x0a) {
      throw invalid("invalid tar header: malformed PAX record");
    }
    const keyword = body.toString("latin1", space + 1, equals);
    const value = body.subarray(equals + 1, end - 1);
    if (repeatable.has(keyword)) sparseMap.push(value.toString("latin1"));
    else records.set(keyword, value);
    offset = end;
  }
  // As format 0.1 has it: one record with all numbers.
  if (sparseMap.length > 0) records.set("GNU.sparse.map", Buffer.from(sparseMap.join(","), "latin1"));
  return records;
}

/** The map of a sparse file in GNU's format 0.0, alternating. */
const repeatable = new Set(["GNU.sparse.offset", "GNU.sparse.numbytes"]);

export function encodePax(records: PaxRecords): Buffer {
  const parts: Buffer[] = [];
  for (const [keyword, value] of records) {
    const rest = ` ${keyword}=`;
    const bytesWithoutLength = rest.length + value.length + 1;
    let length = bytesWithoutLength + String(bytesWithoutLength).length;
    length = bytesWithoutLength + String(length).length;
    parts.push(Buffer.from(length + rest, "latin1"), value, Buffer.from("\n"));
  }
  return Buffer.concat(parts);
}

/** Reads `[-]SECONDS[.FRACTION]`. @throws invalid */
export function parsePaxTime(text: string): FileTime {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (!match) throw invalid("invalid tar header: malformed time");
  const nanoseconds = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  const seconds = Number(match[2]);
  if (match[1] !== "-") return { seconds, nanoseconds };
  return nanoseconds === 0
    ? { seconds: 0 - seconds, nanoseconds: 0 }
    : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}

export function formatPaxTime({ seconds, nanoseconds }: FileTime): string {
  if (nanoseconds === 0) return String(seconds);
  const negative = seconds < 0;
  const whole = negative ? -(seconds + 1) : seconds;
  const fraction = String(negative ? 1e9 - nanoseconds : nanoseconds)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${negative ? "-" : ""}${whole}.${fraction}`;
}
