import { Readable } from "node:stream";
import { createSecureContext, getCACertificates } from "node:tls";
import { Agent, type Dispatcher, ProxyAgent, request as send } from "undici";
import { unavailable } from "../errors.ts";
import { digestOf } from "../formats/digest.ts";
import type { Connection, DocumentResponse, TlsSettings } from "./connection.ts";
import { explainFailure } from "./explain.ts";
import { findProxy } from "./proxies.ts";

export interface HttpRequest {
  method: Dispatcher.HttpMethod;
  url: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array | Readable;
}

export interface HttpResponse {
  status: number;
  headers: Record<string, string>;
  /** To be read to the end or destroyed. */
  body: Dispatcher.ResponseData["body"];
  url: string;
}

export interface Http {
  /**
   * Follows redirects, up to ten. Credentials and the client's certificate go to the connection's own origin, never along.
   * @throws EngineError, TransientError when there is no answer
   */
  send(connection: Connection, request: HttpRequest, signal?: AbortSignal): Promise<HttpResponse>;
  close(): Promise<void>;
}

const documentLimitBytes = 4 * 1024 * 1024;
const connectMilliseconds = 15_000;
const mostRedirects = 10;
const redirects = new Set([301, 302, 303, 307, 308]);

/** HTTP/1.1 with kept connections, one pool for each way of reaching a host. */
export function openHttp(): Http {
  const agents = new Map<string, Dispatcher>();

  function agentFor(connection: Connection, url: URL): Dispatcher {
    const isOwn = url.origin === connection.origin;
    const proxy = findProxy(connection.proxies, url);
    const { certificate: _certificate, key: _key, ...shared } = connection.tls;
    const isEncrypted = url.protocol === "https:" || proxy?.startsWith("https:");
    const tls = isEncrypted ? (isOwn ? connection.tls : shared) : undefined;
    const key = JSON.stringify([tls, proxy, connection.patienceSeconds]);
    const known = agents.get(key);
    if (known) return known;
    const agent = createAgent(tls, proxy, connection.patienceSeconds * 1000);
    agents.set(key, agent);
    return agent;
  }

  return {
    async send(connection, { method, url, headers = {}, body }, signal) {
      let at = new URL(url);
      let current: Pick<HttpRequest, "method" | "body"> = { method, ...(body !== undefined && { body }) };
      for (let count = 0; ; count++) {
        const isOwn = at.origin === connection.origin;
        const response = await send(at, {
          method: current.method,
          body: current.body ?? null,
          headers: isOwn ? headers : withoutCredentials(headers),
          dispatcher: agentFor(connection, at),
          signal: signal ?? null,
          headersTimeout: patienceMilliseconds(connection, method),
        }).catch((error: unknown) => {
          throw signal?.aborted ? signal.reason : explainFailure(error, method, at);
        });
        const location = response.headers.location;
        if (!redirects.has(response.statusCode) || typeof location !== "string") {
          return {
            status: response.statusCode,
            headers: joinHeaders(response.headers),
            body: response.body,
            url: at.href,
          };
        }
        response.body.on("error", () => {}).destroy();
        if (count === mostRedirects)
          throw unavailable(`${method} "${url}": stopped after ${mostRedirects} redirects`);
        const from = at;
        at = new URL(location, at);
        if (at.protocol !== "https:" && at.protocol !== "http:")
          throw unavailable(`${method} "${url}": redirect to unsupported address ${at.protocol}`);
        if (method === "GET" || method === "HEAD") continue;
        if (response.statusCode < 307) current = { method: "GET" };
        else if (at.origin !== from.origin || body instanceof Readable)
          throw unavailable(`${method} "${url}": redirected to ${at.origin}, where it may not go`);
      }
    },
    async close() {
      await Promise.all([...agents.values()].map((agent) => agent.destroy()));
      agents.clear();
    },
  };
}

/** Registries may copy an upload to its final place before responding; be patient with writes. */
export function patienceMilliseconds({ patienceSeconds }: Connection, method: string): number {
  return patienceSeconds * 1000 * (method === "GET" || method === "HEAD" ? 1 : 10);
}

function createAgent(tls: TlsSettings | undefined, proxy: string | undefined, patience: number): Dispatcher {
  const connect = {
    timeout: Math.min(connectMilliseconds, patience),
    ...(tls && { rejectUnauthorized: tls.isVerified, secureContext: createContext(tls) }),
  };
  const common = { headersTimeout: patience, bodyTimeout: patience, keepAliveTimeout: 4000, allowH2: false };
  if (!proxy) return new Agent({ ...common, connect });
  return new ProxyAgent({ ...common, uri: proxy, requestTls: connect, proxyTls: connect });
}

/** One for all connections: reading a hundred and fifty certificates takes longer than a handshake. */
function createContext({ authorities, certificate, key }: TlsSettings) {
  return createSecureContext({
    ca: [...getCACertificates("default"), ...getCACertificates("system"), ...authorities],
    ...(certificate && { cert: certificate }),
    ...(key && { key }),
  });
}

function withoutCredentials(headers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !/^(authorization|cookie)$/i.test(name)),
  );
}

function joinHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, [value].flat().join(", ")]),
  );
}

/** The whole body of an answer, read to its end. @throws unavailable when it is too large */
export async function readDocument({ status, headers, body, url }: HttpResponse): Promise<DocumentResponse> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > documentLimitBytes) {
      body.on("error", () => {}).destroy();
      throw unavailable(`${url}: the answer is larger than ${documentLimitBytes} bytes`);
    }
  }
  const content = Buffer.concat(chunks);
  return { status, headers, body: content, digest: digestOf(content), url };
}
