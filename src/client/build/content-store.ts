import { createHash, randomBytes } from "node:crypto";
import {
  closeSync,
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import type { IncomingHttpHeaders } from "node:http2";
import { join } from "node:path";
import {
  infoRequest,
  infoResponse,
  readContentRequest,
  readContentResponse,
  writeAction,
  writeContentRequest,
  writeContentResponse,
} from "../../buildkit/messages/content.ts";
import type { MessageOf } from "../../buildkit/wire/message.ts";
import { duplex, type Method, serverStream, unary } from "../../buildkit/wire/server.ts";
import { code, GrpcError } from "../../buildkit/wire/status.ts";
import { type Digest, hexOf, isDigest } from "../../formats/digest.ts";
import { isObject } from "../../formats/json.ts";
import { mediaTypes, parseDescriptor } from "../../formats/oci-manifest.ts";

/* Directories of blobs (OCI layouts) that a builder reads a cache from, and writes one to. */

/** By the name that the builder asks for: "local:PATH", "oci:NAME". */
export type ContentStores = ReadonlyMap<string, { path: string; isWritable: boolean }>;

type WriteRequest = MessageOf<typeof writeContentRequest>;
const service = "/containerd.services.content.v1.Content";
const pieceBytes = 1024 * 1024;

/** What a builder may ask of them. */
export function serveContent(stores: ContentStores): [string, Method][] {
  return [
    [
      `${service}/Info`,
      unary(infoRequest, infoResponse, ({ digest }, { headers }) => {
        const stats = statSync(pathOf(findStore(stores, headers).path, digest), { throwIfNoEntry: false });
        if (!stats) throw missing(digest);
        return { info: { digest, size: stats.size } };
      }),
    ],
    [
      `${service}/Read`,
      serverStream(readContentRequest, readContentResponse, async ({ digest, offset, size }, call) => {
        const path = pathOf(findStore(stores, call.headers).path, digest);
        if (!existsSync(path)) throw missing(digest);
        const range = { signal: call.signal, start: offset, ...(size > 0 && { end: offset + size - 1 }) };
        let at = offset;
        for await (const data of createReadStream(path, { ...range, highWaterMark: pieceBytes })) {
          await call.send({ offset: at, data: data as Buffer });
          at += (data as Buffer).length;
        }
      }),
    ],
    [
      `${service}/Write`,
      duplex(writeContentRequest, writeContentResponse, async (requests, call) => {
        const { path, isWritable } = findStore(stores, call.headers);
        if (!isWritable) throw new GrpcError(code.unknown, "this directory is only read from");
        await receive(path, requests, (reply) => call.send(reply));
      }),
    ],
  ];
}

function findStore(stores: ContentStores, headers: IncomingHttpHeaders) {
  const name = String(headers["buildkit-attachable-store-id"] ?? "");
  const store = stores.get(name);
  if (!store) throw new GrpcError(code.notFound, `no access allowed to ${JSON.stringify(name)}`);
  return store;
}

function pathOf(folder: string, digest: string): string {
  if (!isDigest(digest))
    throw new GrpcError(code.invalidArgument, `invalid digest ${JSON.stringify(digest)}`);
  return join(folder, "blobs", "sha256", hexOf(digest));
}

const missing = (digest: string) => new GrpcError(code.notFound, `content ${digest}: not found`);

/** One blob, which is there whole or not at all. */
async function receive(
  folder: string,
  requests: AsyncIterable<WriteRequest>,
  send: (reply: { action: number; offset: number; digest?: string }) => Promise<void>,
): Promise<void> {
  const hash = createHash("sha256");
  let [offset, temporary, fd] = [0, "", -1];
  try {
    for await (const { action, expected, data, offset: from } of requests) {
      const target = pathOf(folder, expected);
      if (existsSync(target)) throw new GrpcError(code.alreadyExists, `content ${expected}: already exists`);
      if (fd < 0) {
        mkdirSync(join(folder, "blobs", "sha256"), { recursive: true });
        temporary = temporaryIn(folder, hexOf(expected as Digest));
        fd = openSync(temporary, "wx", 0o644);
      }
      if (data.length > 0) {
        if (from !== offset)
          throw new GrpcError(code.invalidArgument, `write at ${from} instead of ${offset}`);
        hash.update(data);
        for (let at = 0; at < data.length; ) at += writeSync(fd, data, at);
        offset += data.length;
      }
      if (action === writeAction.commit) {
        const actual = `sha256:${hash.digest("hex")}`;
        if (actual !== expected) throw new GrpcError(code.unknown, `unexpected commit digest ${actual}`);
        renameSync(temporary, target);
        return send({ action, offset, digest: actual });
      }
      await send({ action, offset });
    }
  } finally {
    if (fd >= 0) closeSync(fd);
    if (temporary !== "") rmSync(temporary, { force: true });
  }
}

const temporaryName = /^([0-9a-f]{64}|index)-[0-9a-f]+$/;
const abandonedAfterMilliseconds = 24 * 3600 * 1000;

/** A new name of its own: others may write to the same directory. What was left there long ago goes. */
function temporaryIn(folder: string, name: string): string {
  const place = join(folder, "ingest");
  mkdirSync(place, { recursive: true });
  for (const left of readdirSync(place).filter((one) => temporaryName.test(one))) {
    const stats = lstatSync(join(place, left), { throwIfNoEntry: false });
    if (stats?.isFile() && stats.mtimeMs < Date.now() - abandonedAfterMilliseconds)
      rmSync(join(place, left), { force: true });
  }
  return join(place, `${name}-${randomBytes(8).toString("hex")}`);
}

const refName = "org.opencontainers.image.ref.name";

/** What a tag of a directory stands for; undefined when it has none, or is no layout. */
export function findTagged(folder: string, tag: string): Digest | undefined {
  const found = tagsIn(readText(join(folder, "index.json"))).find(
    ({ annotations }) => annotations?.[refName] === tag,
  );
  return found && isDigest(found.digest) ? found.digest : undefined;
}

/** What a tag of a layout stands for, or the only thing that is in it. */
export function findInLayout(folder: string, tag: string): Digest | undefined {
  const all = tagsIn(readText(join(folder, "index.json")));
  const only = all.length === 1 ? all[0]?.digest : undefined;
  return findTagged(folder, tag) ?? (only !== undefined && isDigest(only) ? only : undefined);
}

/**
 * Has a tag of a directory stand for this manifest. One that has no such manifest is left alone.
 * @param descriptor as JSON
 * @returns whether it has @throws EngineError invalid for what is no descriptor
 */
export function tagManifest(folder: string, tag: string, descriptor: string): boolean {
  const { mediaType, digest, size, annotations } = parseDescriptor(JSON.parse(descriptor));
  if (!existsSync(pathOf(folder, digest))) return false;
  const tagged = { mediaType, digest, size, annotations: { ...annotations, [refName]: tag } };
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const path = join(folder, "index.json");
  // Another build may have put its own there meanwhile, which is to stay.
  for (let isPut = false; !isPut; ) {
    const before = readText(path);
    const others = tagsIn(before).filter(({ annotations }) => annotations?.[refName] !== tag);
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests: [...others, tagged] };
    const temporary = temporaryIn(folder, "index");
    writeFileSync(temporary, JSON.stringify(index), { flag: "wx" });
    isPut = readText(path) === before;
    if (isPut) renameSync(temporary, path);
    else rmSync(temporary);
  }
  return true;
}

interface Tagged {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

const readText = (path: string) => (existsSync(path) ? readFileSync(path, "utf8") : undefined);

function tagsIn(index: string | undefined): Tagged[] {
  const value: unknown = index === undefined ? {} : JSON.parse(index);
  return isObject(value) && Array.isArray(value.manifests) ? (value.manifests.filter(isObject) as never) : [];
}
