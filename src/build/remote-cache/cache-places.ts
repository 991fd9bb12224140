import { type FileHandle, open } from "node:fs/promises";
import { openPushTarget } from "../../distribution/publication.ts";
import type { Registries } from "../../distribution/registries.ts";
import { hasCode, internal, invalid, unavailable } from "../../errors.ts";
import { type Digest, digestOf } from "../../formats/digest.ts";
import type { Reference } from "../../formats/reference.ts";
import type { RegistryAuth } from "../../formats/registry-auth.ts";
import { type BlobPlace, openSources, tryEach } from "../../images/pull/sources.ts";
import type { Logger } from "../../logger.ts";
import { createGrowth, tellWritten } from "../../sys/growing-file.ts";
import type { ClientContent } from "../client-session.ts";

/** A place that a cache is read from. What it gives is what its digest says. */
export interface CacheSource {
  /** The cache's manifest, or one of those that it lists. */
  readManifest(digest?: Digest): Promise<string>;
  /** A small blob. */
  readDocument(digest: Digest): Promise<string>;
  /** Where its layers are. */
  blobs: readonly BlobPlace[];
}

/** A place that a cache is written to. */
export interface CacheTarget {
  has(digest: Digest): Promise<boolean>;
  put(blob: { digest: Digest; sizeBytes: number; path: string }): Promise<void>;
  /** Puts the manifest in its place when all that it names is there. */
  finish(mediaType: string, text: string): Promise<void>;
}

export interface RegistryPlace {
  registries: Registries;
  reference: Reference;
  auth: RegistryAuth;
  logger: Logger;
}

export function openRegistrySource(
  { registries, reference, auth, logger }: RegistryPlace,
  signal: AbortSignal,
): CacheSource {
  const blobs = openSources(registries, reference, auth);
  const name = reference.digest ?? reference.tag ?? "latest";
  return {
    blobs,
    readManifest: (digest = undefined) =>
      tryEach(blobs, { signal, logger }, async (source) => {
        const found = await (await source.open(signal)).getManifest(digest ?? name, signal);
        return found.text;
      }),
    readDocument: (digest) =>
      tryEach(blobs, { signal, logger }, async (source) =>
        (await source.open(signal)).getDocument(digest, signal),
      ),
  };
}

export async function openRegistryTarget(
  { registries, reference, auth }: RegistryPlace,
  signal: AbortSignal,
): Promise<CacheTarget> {
  const connection = await registries.own(reference.domain).connect(signal);
  const target = openPushTarget(registries.transport, connection, reference.path, auth);
  return {
    has: (digest) => target.hasBlob(digest, signal),
    put: (blob) => target.upload(blob, createGrowth(), signal),
    async finish(mediaType, text) {
      await target.putManifest(reference.tag ?? "latest", mediaType, text, signal);
    },
  };
}

/** As much as a registry may send. */
const documentLimitBytes = 4 * 1024 * 1024;

/** @param top the manifest's */
export function openClientSource(content: ClientContent, top: Digest, name: string): CacheSource {
  async function read(digest: Digest): Promise<string> {
    const pieces: Buffer[] = [];
    let bytes = 0;
    for await (const piece of content.read(digest)) {
      bytes += piece.length;
      if (bytes > documentLimitBytes)
        throw invalid(`blob ${digest} is larger than ${documentLimitBytes} bytes`);
      pieces.push(piece);
    }
    const whole = Buffer.concat(pieces);
    const actual = digestOf(whole);
    if (actual !== digest) throw invalid(`wrong digest: ${name} has ${actual} for ${digest}`);
    return whole.toString();
  }
  const place: BlobPlace = {
    name,
    open: async () => ({ download: (blob, file, signal) => downloadFrom(content, blob, file, signal) }),
  };
  return { blobs: [place], readManifest: (digest = top) => read(digest), readDocument: read };
}

/** From its beginning each time. */
async function downloadFrom(
  content: ClientContent,
  { digest, size }: { digest: Digest; size: number },
  { path, growth }: { path: string; growth: SharedArrayBuffer },
  signal?: AbortSignal,
): Promise<void> {
  const output = await open(path, "w", 0o600);
  let written = 0;
  try {
    tellWritten(growth, written);
    for await (const piece of content.read(digest)) {
      signal?.throwIfAborted();
      if (written + piece.length > size)
        throw invalid(`blob size mismatch: ${digest} has more than ${size} bytes`);
      await writeAll(output, piece);
      written += piece.length;
      tellWritten(growth, written);
    }
    if (written < size) throw unavailable(`blob ${digest} was cut short after ${written} of ${size} bytes`);
  } catch (error) {
    throw hasCode(error, "ENOSPC") ? internal("failed to download: no space left on device", error) : error;
  } finally {
    await output.close();
  }
}

async function writeAll(file: FileHandle, piece: Buffer): Promise<void> {
  for (let at = 0; at < piece.length; ) at += (await file.write(piece, at)).bytesWritten;
}

/** @param read the content of a file */
export function openClientTarget(
  content: ClientContent,
  read: (path: string) => AsyncIterable<Buffer>,
): CacheTarget {
  return {
    has: (digest) =>
      content.sizeOf(digest).then(
        () => true,
        () => false,
      ),
    put: ({ path, ...blob }) => content.write(blob, read(path)),
    async finish(_, text) {
      const bytes = Buffer.from(text);
      async function* whole() {
        yield bytes;
      }
      await content.write({ digest: digestOf(bytes), sizeBytes: bytes.length }, whole());
    },
  };
}
