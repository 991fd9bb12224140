import { readCertificates } from "../distribution/certificates.ts";
import type { Connection, DocumentResponse } from "../distribution/connection.ts";
import { openHttp } from "../distribution/http.ts";
import { openHttpTransport } from "../distribution/http-transport.ts";
import { readProxyVariables } from "../distribution/proxies.ts";
import { readBlob } from "../distribution/read-blob.ts";
import { expectOk, findNextPage, openRepository, type Repository } from "../distribution/repository.ts";
import { defaultAttempts, defaultRegistrySettings } from "../distribution/settings.ts";
import { EngineError, invalid, unavailable } from "../errors.ts";
import { type Digest, isDigest } from "../formats/digest.ts";
import { manifestTypes } from "../formats/oci-manifest.ts";
import type { StoredManifest } from "./manifests.ts";

/** Where a mirror gets what it does not have. All throw EngineErrors: notFound; unavailable when the registry cannot be reached. */
export interface Upstream {
  readonly origin: string;
  /** The digest of a tag now, where the registry tells without sending the manifest. */
  resolve(name: string, tag: string, signal?: AbortSignal): Promise<Digest | undefined>;
  getManifest(name: string, reference: string, signal?: AbortSignal): Promise<StoredManifest>;
  getBlobSize(name: string, digest: Digest): Promise<number>;
  /** Not yet compared with its digest. */
  readBlob(name: string, digest: Digest, sizeBytes: number, from: number): AsyncGenerator<Buffer>;
  listTags(name: string, signal?: AbortSignal): Promise<string[]>;
  /** The registry's own answer, an index on each page; undefined when it has none. */
  findReferrers(name: string, subject: Digest, signal?: AbortSignal): Promise<Buffer[] | undefined>;
  close(): Promise<void>;
}

export interface UpstreamConfig {
  /** "https://registry-1.docker.io" */
  url: string;
  username?: string;
  password?: string;
}

const mostRepositories = 1000;
/** Of a list of referrers. */
const mostPages = 20;

/** @throws EngineError invalid for an address that is none */
export function openUpstream({ url, username, password }: UpstreamConfig): Upstream {
  const connection = describeConnection(url);
  const transport = openHttpTransport();
  const http = openHttp();
  const repositories = new Map<string, Repository>();

  /** Each keeps the tokens for it. */
  function repository(name: string): Repository {
    const known = repositories.get(name);
    if (known) return known;
    if (repositories.size >= mostRepositories) repositories.clear();
    const auth = { ...(username && { username }), ...(password && { password }) };
    const opened = openRepository(transport, connection, name, auth);
    repositories.set(name, opened);
    return opened;
  }

  return {
    origin: connection.origin,
    async resolve(name, tag, signal) {
      const request = { method: "HEAD", url: `/v2/${name}/manifests/${tag}` } as const;
      const headers = { accept: manifestTypes.join(", ") };
      const response = await repository(name).session.request({ ...request, headers }, signal);
      expectOk(response, "HEAD");
      const digest = response.headers["docker-content-digest"];
      return digest && isDigest(digest) ? digest : undefined;
    },
    async getManifest(name, reference, signal) {
      const { digest, mediaType, text } = await repository(name).getManifest(reference, signal);
      return { digest, mediaType, content: Buffer.from(text) };
    },
    async getBlobSize(name, digest) {
      const request = { method: "HEAD", url: `/v2/${name}/blobs/${digest}` } as const;
      const response = await repository(name).session.request(request);
      expectOk(response, "HEAD");
      const sizeBytes = Number(response.headers["content-length"] ?? Number.NaN);
      if (!Number.isSafeInteger(sizeBytes))
        throw unavailable(`${connection.origin} does not say how large ${digest} is`);
      return sizeBytes;
    },
    async *readBlob(name, digest, sizeBytes, from) {
      const { session } = repository(name);
      let offset = from;
      for (let refusals = 0; offset < sizeBytes || refusals === 0; refusals++) {
        const source = session.source(`/v2/${name}/blobs/${digest}`);
        try {
          for await (const part of readBlob(http, source, { from: offset, sizeBytes })) {
            offset += part.length;
            refusals = 0;
            yield part;
          }
          return;
        } catch (error) {
          const isExpired = error instanceof EngineError && error.kind === "unauthorized";
          if (!isExpired || refusals > 0) throw error;
          await session.request({ method: "GET", url: "/v2/" });
        }
      }
    },
    listTags: (name, signal) => repository(name).listTags(signal),
    async findReferrers(name, subject, signal) {
      const { session } = repository(name);
      const pages: Buffer[] = [];
      for (let url: string | undefined = `/v2/${name}/referrers/${subject}`; url; ) {
        if (pages.length === mostPages)
          throw unavailable(`${connection.origin}: ${url} does not come to an end`);
        const response: DocumentResponse = await session.request({ method: "GET", url }, signal);
        if (response.status !== 200) return undefined;
        pages.push(response.body);
        url = findNextPage(response, session);
      }
      return pages;
    },
    async close() {
      await Promise.all([http.close(), transport.close()]);
    },
  };
}

function describeConnection(text: string): Connection {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.pathname !== "/" || url.username || url.search) {
    throw invalid(`invalid mirror "${text}": use https://HOST[:PORT], without path and credentials`);
  }
  const { certificateFolders, patienceSeconds } = defaultRegistrySettings;
  return {
    origin: url.origin,
    tls: { isVerified: true, ...readCertificates(certificateFolders, url.host) },
    proxies: readProxyVariables(process.env),
    patienceSeconds,
    attempts: defaultAttempts,
    downloadAttempts: defaultAttempts,
  };
}
