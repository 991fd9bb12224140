import type { ClientRequest, IncomingMessage, RequestOptions } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { ApiError, explainConnectionError } from "./api-error.ts";
import type { HostAddress } from "./host.ts";
import { connectSsh } from "./ssh.ts";

// `import` of node:http also loads its WebSocket client, which takes as long as all of Node; this does not.
const http = process.getBuiltinModule("node:http");

export type Query = Record<string, string | number | boolean | readonly string[] | undefined>;

interface RequestBody {
  query?: Query;
  /** Sent as JSON, unless it is a stream, which is sent as it comes. */
  body?: object | undefined;
  stream?: Readable | undefined;
  headers?: Record<string, string | string[]>;
  signal?: AbortSignal | undefined;
}

export interface HijackedConnection {
  /** Ending it closes stdin and leaves the other direction open. The caller destroys it. */
  socket: Duplex;
  /** False when stdout and stderr come in frames. */
  isRaw: boolean;
}

/** One daemon over one kind of connection; every method of the client goes through these four. */
export interface ApiTransport {
  readonly host: string;
  readonly endpoint: HostAddress;
  json<T>(method: string, path: string, request?: RequestBody): Promise<T>;
  /** The answer's body as it comes. The caller reads or destroys it. */
  stream(method: string, path: string, request?: RequestBody): Promise<IncomingMessage>;
  /** The response without its body: status and headers. */
  head(path: string, request?: RequestBody): Promise<IncomingMessage>;
  hijack(path: string, request?: RequestBody): Promise<HijackedConnection>;
  /** Paths are prefixed with this version from now on; undefined for the daemon's own newest. */
  useVersion(version: string | undefined): void;
  readonly version: string | undefined;
}

export interface TransportOptions {
  headers?: Record<string, string> | undefined;
  version?: string | undefined;
  /** `node:https`, when the endpoint needs it: given in, so that plain connections never load TLS. */
  https?: typeof import("node:https");
}

export function createTransport(endpoint: HostAddress, options: TransportOptions = {}): ApiTransport {
  let version = options.version;

  const open = (method: string, path: string, request: RequestBody, upgrade: boolean): ClientRequest => {
    const prefix =
      (endpoint.kind === "tcp" ? endpoint.basePath : "") + (version === undefined ? "" : `/v${version}`);
    const payload = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const requestOptions: RequestOptions = {
      method,
      path: `${prefix}${path}${formatQuery(request.query)}`,
      // One request per process is the rule, and an idle kept-alive socket would hold the process.
      agent: false,
      headers: {
        ...(endpoint.kind !== "tcp" && { Host: "docker" }),
        "User-Agent": "Berth-Client/0.1 (linux)",
        ...options.headers,
        ...(payload !== undefined && {
          "Content-Type": "application/json",
          "Content-Length": payload.length,
        }),
        ...(payload === undefined &&
          request.stream === undefined &&
          method !== "GET" && { "Content-Length": 0 }),
        ...(upgrade && { Connection: "Upgrade", Upgrade: "tcp" }),
        ...request.headers,
      },
      ...(request.signal !== undefined && { signal: request.signal }),
      ...endpointOptions(endpoint),
    };
    const module = endpoint.kind === "tcp" && endpoint.tls !== undefined ? options.https : undefined;
    const outgoing = (module ?? http).request(requestOptions);
    if (request.stream === undefined) outgoing.end(payload);
    else {
      const body = request.stream;
      body.on("error", (error) => outgoing.destroy(error));
      body.pipe(outgoing);
    }
    return outgoing;
  };

  const send = async (method: string, path: string, request: RequestBody): Promise<IncomingMessage> => {
    const outgoing = open(method, path, request, false);
    const response = await answerOf(endpoint.display, outgoing, request.stream);
    if ((response.statusCode ?? 500) >= 400) throw await readApiError(response);
    return response;
  };

  return {
    host: endpoint.display,
    endpoint,
    get version() {
      return version;
    },
    useVersion(next) {
      version = next;
    },
    stream: (method, path, request = {}) => send(method, path, request),
    async json(method, path, request = {}) {
      const text = await readText(await send(method, path, request));
      return text === "" ? undefined : JSON.parse(text);
    },
    async head(path, request = {}) {
      const response = await send("HEAD", path, request);
      response.resume();
      return response;
    },
    hijack: (path, request = {}) => upgrade(endpoint.display, open("POST", path, request, true)),
  };
}

type EndpointOptions = RequestOptions & { servername?: string; ca?: Buffer; cert?: Buffer; key?: Buffer };

function endpointOptions(endpoint: HostAddress): EndpointOptions {
  // An empty server name spares Node from working one out for TLS, which there is not: 4 ms of a start.
  if (endpoint.kind === "unix") return { socketPath: endpoint.socketPath, servername: "" };
  // With an agent, Node would make the connection itself.
  if (endpoint.kind === "ssh")
    return { agent: undefined, createConnection: () => connectSsh(endpoint.address) };
  const { tls } = endpoint;
  const security = tls === undefined ? {} : { ...tls, rejectUnauthorized: tls.isVerified };
  return { host: endpoint.host, port: endpoint.port, ...security };
}

function answerOf(
  host: string,
  outgoing: ClientRequest,
  body: Readable | undefined,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    let answer: IncomingMessage | undefined;
    outgoing.on("response", (response) => {
      answer = response;
      resolve(response);
    });
    outgoing.on("error", (error) => {
      // A daemon that refuses an upload answers before it has read it all; the answer tells more than the broken pipe.
      if (answer !== undefined) body?.destroy();
      // What could not be read here is no fault of the connection.
      else if (body?.errored) reject(body.errored);
      else reject(error.name === "AbortError" ? error : explainConnectionError(host, error));
    });
  });
}

function upgrade(host: string, outgoing: ClientRequest): Promise<HijackedConnection> {
  return new Promise((resolve, reject) => {
    outgoing.on("upgrade", (response, socket, head) => {
      // It may break before it has a reader, who then finds it so.
      socket.on("error", () => {});
      if (head.length > 0) socket.unshift(head);
      resolve({ socket, isRaw: response.headers["content-type"] === "application/vnd.docker.raw-stream" });
    });
    outgoing.on("response", (response) => {
      if ((response.statusCode ?? 500) >= 400) readApiError(response).then(reject, reject);
      else reject(new ApiError(response.statusCode ?? 500, "the daemon did not upgrade the connection"));
    });
    outgoing.on("error", (error) => reject(explainConnectionError(host, error)));
  });
}

export async function readText(response: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function readApiError(response: IncomingMessage): Promise<ApiError> {
  const status = response.statusCode ?? 500;
  const text = (await readText(response)).trim();
  return new ApiError(
    status,
    findMessage(text) ?? (text || `${status} ${response.statusMessage ?? ""}`.trim()),
  );
}

function findMessage(text: string): string | undefined {
  try {
    const { message } = JSON.parse(text);
    return typeof message === "string" ? message.trim() : undefined;
  } catch {
    return undefined;
  }
}

/** `?a=1&b=x`; lists repeat the key, undefined is left out, true is 1 and false is 0. */
function formatQuery(query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) {
    if (value === undefined) continue;
    for (const item of Array.isArray(value) ? value : [value]) {
      search.append(key, typeof item === "boolean" ? (item ? "1" : "0") : String(item));
    }
  }
  const text = search.toString();
  return text === "" ? "" : `?${text}`;
}
