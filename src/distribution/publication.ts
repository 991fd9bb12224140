import { unavailable } from "../errors.ts";
import { type Digest, digestOf, isDigest } from "../formats/digest.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import type { Connection, Transport } from "./connection.ts";
import { resolveLocation } from "./location.ts";
import { expectOk } from "./repository.ts";
import { openSession, type Session } from "./session.ts";

export interface LocalBlob {
  digest: Digest;
  sizeBytes: number;
  path: string;
}

/** One repository of a registry, to write to (OCI distribution spec, "Push"). */
export interface PushTarget {
  hasBlob(digest: Digest, signal?: AbortSignal): Promise<boolean>;
  /** Lets the registry take a blob from another repository of its own. False when it will not. */
  mount(digest: Digest, from: string, signal?: AbortSignal): Promise<boolean>;
  /** Sends a blob and completes it under its digest. */
  upload(blob: LocalBlob, growth: SharedArrayBuffer, signal?: AbortSignal): Promise<void>;
  /** Puts a manifest in its place and under its tag. Its blobs must be there. */
  putManifest(reference: string, mediaType: string, text: string, signal?: AbortSignal): Promise<Digest>;
}

export function openPushTarget(
  transport: Transport,
  connection: Connection,
  path: string,
  auth: RegistryAuth,
): PushTarget {
  const own = `repository:${path}:pull,push`;
  const session = openSession(transport, connection, auth, [own]);
  /** Apart from the others: a token server may refuse everything because of one scope. */
  const mounting = new Map<string, Session>();
  const base = `/v2/${path}`;
  const uploads = `${base}/blobs/uploads/`;

  function sessionFor(from: string): Session {
    const known =
      mounting.get(from) ?? openSession(transport, connection, auth, [own, `repository:${from}:pull`]);
    mounting.set(from, known);
    return known;
  }

  async function hasBlob(digest: Digest, signal?: AbortSignal): Promise<boolean> {
    const response = await session.request({ method: "HEAD", url: `${base}/blobs/${digest}` }, signal);
    // An address signed for GET may refuse HEAD: that the registry gave it says that the blob is there.
    const isElsewhere = new URL(response.url).origin !== connection.origin;
    return response.status === 200 || (isElsewhere && response.status === 403);
  }

  return {
    hasBlob,
    async mount(digest, from, signal) {
      const query = `?${new URLSearchParams({ mount: digest, from })}`;
      const { isMounted, url } = await startUpload(sessionFor(from), uploads + query, signal);
      // It is an upload now, which will not be made.
      if (!isMounted) await session.request({ method: "DELETE", url }, signal).catch(() => {});
      return isMounted;
    },
    async upload({ digest, sizeBytes, path: file }, growth, signal) {
      const { url, leastChunkBytes } = await startUpload(session, uploads, signal);
      const isOwn = new URL(url).origin === connection.origin;
      let isResumed = false;
      const address = await session.renewing(() => {
        const headers = isOwn ? session.headers() : {};
        const request = {
          connection,
          url,
          headers,
          path: file,
          sizeBytes,
          leastChunkBytes,
          growth,
          isResumed,
        };
        isResumed = true;
        return transport.upload(request, signal);
      }, signal);
      const end = new URL(address);
      end.searchParams.set("digest", digest);
      try {
        const request = { method: "PUT" as const, url: end.href, headers: { "content-length": "0" } };
        expectOk(await session.request(request, signal), "PUT");
      } catch (error) {
        // Its answer may have been lost on the way; the upload is gone then, and the blob is there.
        if (signal?.aborted || !(await hasBlob(digest, signal))) throw error;
      }
    },
    putManifest: (reference, mediaType, text, signal) =>
      putManifest(session, `${base}/manifests/${reference}`, { mediaType, text }, signal),
  };
}

/** @param url with what the registry may do instead of an upload, as a query */
async function startUpload(session: Session, url: string, signal?: AbortSignal) {
  const response = await session.request({ method: "POST", url, headers: { "content-length": "0" } }, signal);
  expectOk(response, "POST");
  const { location } = response.headers;
  if (response.status !== 201 && !location)
    throw unavailable(`POST "${response.url}": the registry gave no address to upload to`);
  return {
    isMounted: response.status === 201,
    url: resolveLocation(location, response.url),
    leastChunkBytes: Number(response.headers["oci-chunk-min-length"]) || 0,
  };
}

async function putManifest(
  session: Session,
  url: string,
  { mediaType, text }: { mediaType: string; text: string },
  signal?: AbortSignal,
): Promise<Digest> {
  const headers = { "content-type": mediaType };
  const response = await session.request({ method: "PUT", url, headers, body: text }, signal);
  expectOk(response, "PUT");
  const digest = digestOf(text);
  const stated = response.headers["docker-content-digest"];
  if (stated && isDigest(stated) && stated !== digest)
    throw unavailable(`the registry stored the manifest as ${stated} instead of ${digest}`);
  return digest;
}
