import { RegistryError } from "./errors.ts";

/** Bytes from `start` to before `end`. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * The header `Range` of a request (RFC 9110, 14.2); undefined where all is to be sent, which is also for what is not understood and for
 * several ranges at once.
 * @throws RegistryError RANGE_INVALID when nothing lies in it, or it ends before it begins
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | undefined {
  const [, first, last] = /^bytes=(\d*)-(\d*)$/.exec(header?.replaceAll(" ", "") ?? "") ?? [];
  if (first === undefined || last === undefined || (first === "" && last === "")) return undefined;
  const start = first === "" ? Math.max(0, sizeBytes - Number(last)) : Number(first);
  const end = first === "" || last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (start < end) return { start, end };
  throw new RegistryError("RANGE_INVALID", `the blob has ${sizeBytes} bytes`, {
    headers: { "Content-Range": `bytes */${sizeBytes}` },
  });
}

/** `Content-Range` of a chunk, as the distribution specification has it: `<start>-<end>`, both included. @throws RegistryError */
export function parseContentRange(header: string): ByteRange {
  const [, start, end] = /^(?:bytes[ =])?(\d+)-(\d+)(?:\/(?:\d+|\*))?$/.exec(header.trim()) ?? [];
  const range = { start: Number(start), end: Number(end) + 1 };
  if (Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end) && range.start < range.end)
    return range;
  throw new RegistryError(
    "BLOB_UPLOAD_INVALID",
    `invalid Content-Range ${JSON.stringify(header)}: use START-END`,
  );
}

/** The header `Range` of an upload's answers: what has come, the last byte included. */
export function formatUploaded(sizeBytes: number): string {
  return `0-${Math.max(0, sizeBytes - 1)}`;
}
