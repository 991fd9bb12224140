import { isUtf8 } from "node:buffer";
import { EngineError, invalid, notFound, unavailable } from "../errors.ts";
import { type Digest, isDigest } from "../formats/digest.ts";
import { parseJson } from "../formats/json.ts";
import { manifestTypes } from "../formats/oci-manifest.ts";
import { isTag } from "../formats/reference.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import type { Connection, DocumentResponse, Transport } from "./connection.ts";
import { describeRegistryError } from "./registry-error.ts";
import { openSession, type Session } from "./session.ts";

/** A manifest or an index as the registry has it. */
export interface ManifestDocument {
  digest: Digest;
  mediaType: string;
  text: string;
  sizeBytes: number;
}

/** Where blobs come from. */
export interface BlobSender {
  /** Brings a blob into a file, which may hold the first part of it. Not yet compared with its digest. */
  download(
    blob: { digest: Digest; size: number },
    file: { path: string; growth: SharedArrayBuffer },
    signal?: AbortSignal,
  ): Promise<void>;
}

/** One repository of one registry, to read from (OCI distribution spec, "Pull"). */
export interface Repository extends BlobSender {
  readonly session: Session;
  readonly path: string;
  /**
   * @param reference a tag or a digest
   * @throws notFound `manifest unknown…`; invalid when the content is not what its digest says
   */
  getManifest(reference: string, signal?: AbortSignal): Promise<ManifestDocument>;
  /** A small blob, such as an image's config. @throws invalid when the content is not what its digest says; notFound */
  getDocument(digest: Digest, signal?: AbortSignal): Promise<string>;
  /** Every tag. */
  listTags(signal?: AbortSignal): Promise<string[]>;
  /** Another place, in which a layer is that may not be in a registry. It is asked once, without credentials. */
  elsewhere(url: string): BlobSender;
}

const mostTagPages = 1000;
const mostTags = 100_000;
/** There are registries that give all tags on one page. */
const listPatience = 3;

export function openRepository(
  transport: Transport,
  connection: Connection,
  path: string,
  auth: RegistryAuth,
): Repository {
  const session = openSession(transport, connection, auth, [`repository:${path}:pull`]);
  const base = `/v2/${path}`;

  return {
    session,
    path,
    getManifest: (reference, signal) => getManifest(session, base, reference, signal),
    async getDocument(digest, signal) {
      const response = await session.request({ method: "GET", url: `${base}/blobs/${digest}` }, signal);
      expectOk(response, "GET");
      if (response.digest !== digest)
        throw invalid(`wrong digest: the registry sent ${response.digest} for ${digest}`);
      return textOf(response, digest);
    },
    async listTags(signal) {
      const tags = new Set<string>();
      let url: string | undefined = `${base}/tags/list`;
      for (let page = 0; url !== undefined; page++) {
        if (page === mostTagPages) throw unavailable(`${base}/tags/list does not come to an end`);
        const response: DocumentResponse = await session.request({ method: "GET", url }, signal);
        expectOk(response, "GET");
        const { tags: found } = parseJson(response.body.toString(), "list of tags", listPatience);
        if (Array.isArray(found))
          for (const tag of found) if (typeof tag === "string" && isTag(tag)) tags.add(tag);
        if (tags.size > mostTags) throw unavailable(`${base} has more than ${mostTags} tags`);
        url = findNextPage(response, session);
      }
      return [...tags];
    },
    async download({ digest, size }, file, signal) {
      const request = { ...file, sizeBytes: size };
      await session.renewing(
        () => transport.download({ ...request, source: session.source(`${base}/blobs/${digest}`) }, signal),
        signal,
      );
    },
    elsewhere: (url) => ({
      download({ size }, file, signal) {
        const source = { connection: placeAt(connection, url), url, headers: {} };
        return transport.download({ ...file, sizeBytes: size, source }, signal);
      },
    }),
  };
}

function placeAt(connection: Connection, url: string): Connection {
  return {
    ...connection,
    origin: new URL(url).origin,
    tls: { isVerified: true, authorities: [] },
    attempts: 1,
    downloadAttempts: 1,
  };
}

/** @throws invalid for what is no text, whose digest it would not keep */
function textOf({ body }: DocumentResponse, digest: Digest): string {
  if (!isUtf8(body)) throw invalid(`${digest} is not UTF-8`);
  return body.toString();
}

async function getManifest(
  session: Session,
  base: string,
  reference: string,
  signal?: AbortSignal,
): Promise<ManifestDocument> {
  const url = `${base}/manifests/${reference}`;
  const headers = { accept: manifestTypes.join(", ") };
  const response = await session.request({ method: "GET", url, headers }, signal);
  expectOk(response, "GET");
  const { digest } = response;
  const stated = isDigest(reference) ? reference : response.headers["docker-content-digest"];
  if (stated && isDigest(stated) && stated !== digest) {
    throw invalid(`manifest verification failed for digest ${stated}: its content has ${digest}`);
  }
  return {
    digest,
    mediaType: (response.headers["content-type"] ?? "").split(";")[0]!.trim(),
    text: textOf(response, digest),
    sizeBytes: response.body.length,
  };
}

/** The next page's address (RFC 8288), which must be the registry's own. */
export function findNextPage(
  { headers, url }: DocumentResponse,
  { connection }: Session,
): string | undefined {
  const next = /<([^>]*)>\s*;\s*rel="?next"?/i.exec(headers.link ?? "")?.[1];
  if (!next) return undefined;
  if (!URL.canParse(next, url)) return undefined;
  const address = new URL(next, url);
  if (address.origin === connection.origin) return address.href;
  // A registry behind a proxy may not know the scheme it is asked by.
  return address.host === new URL(connection.origin).host ? address.pathname + address.search : undefined;
}

/** @throws EngineError with what the registry says, unless the status is a success */
export function expectOk({ status, body, url, headers }: DocumentResponse, method: string): void {
  if (status >= 200 && status < 300) return;
  const error = describeRegistryError(status, body.toString(), `${method} "${url}"`);
  if (status === 404) throw notFound(error.message);
  if (status === 401 || headers["www-authenticate"]) throw new EngineError("unauthorized", error.message);
  throw error;
}
