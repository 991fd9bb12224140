import type { Digest } from "../formats/digest.ts";

/** How to reach a server. Plain data: it goes to other threads. */
export interface Connection {
  /** "https://ghcr.io" or "http://localhost:5000", without a path. */
  origin: string;
  tls: TlsSettings;
  proxies: ProxySettings;
  /** After how many seconds without an answer, or almost without a byte, a server counts as stuck. */
  patienceSeconds: number;
  /** How often something is tried that fails for a reason which may pass. */
  attempts: number;
  /** The same for a blob that is downloaded. */
  downloadAttempts: number;
}

export interface TlsSettings {
  /** False for a registry of `insecure-registries`. */
  isVerified: boolean;
  /** PEM. Certificates trusted beside the system's. */
  authorities: string[];
  /** PEM. The client's own. */
  certificate?: string;
  key?: string;
}

/** Proxies by the scheme of what is asked for. */
export interface ProxySettings {
  http?: string;
  https?: string;
  /** As in the variable NO_PROXY: host names, domains, addresses, networks, "*". */
  exceptions: string[];
}

export interface DocumentRequest {
  method: "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";
  url: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export interface DocumentResponse {
  status: number;
  /** Names in lower case; several of one name are joined by commas. */
  headers: Record<string, string>;
  body: Buffer;
  /** The body's. */
  digest: Digest;
  /** Where it came from in the end, after redirects. */
  url: string;
}

/** Where to get a blob. */
export interface BlobSource {
  connection: Connection;
  url: string;
  headers: Record<string, string>;
}

export interface BlobDownload {
  source: BlobSource;
  /** What the file holds already is not asked for again. */
  path: string;
  sizeBytes: number;
  /** Updated with what comes, though not with the end, since another attempt may follow: see `sys/growing-file.ts`. */
  growth: SharedArrayBuffer;
}

export interface BlobUpload {
  connection: Connection;
  /** Of the upload, as the registry gave it. */
  url: string;
  headers: Record<string, string>;
  path: string;
  sizeBytes: number;
  /** The least that the registry takes at a time, but for the last piece. */
  leastChunkBytes: number;
  /** The registry may have a part of it already: it is asked. */
  isResumed: boolean;
  growth: SharedArrayBuffer;
}

/** What speaks HTTP: in this thread (`http-transport.ts`) or, for the daemon, in another (`network.ts`). */
export interface Transport {
  /**
   * One small document. Tries again what may be tried again: broken connections, 429, 5xx.
   * @throws EngineError in Docker's words when there is no answer; unavailable when it is too large
   */
  request(connection: Connection, request: DocumentRequest, signal?: AbortSignal): Promise<DocumentResponse>;
  /** @throws unauthorized when the token is no longer accepted; notFound; invalid for more or less than `sizeBytes` */
  download(download: BlobDownload, signal?: AbortSignal): Promise<void>;
  /**
   * Sends a file piece by piece, going on from where the registry is when a connection breaks. Returns the address at which the
   * upload is to be completed. @throws unauthorized when the token is no longer accepted
   */
  upload(upload: BlobUpload, signal?: AbortSignal): Promise<string>;
  close(): Promise<void>;
}
