import { apiVersion } from "../formats/version.ts";
import { cacheMountsOf } from "./cache-mounts.ts";
import { containersOf } from "./containers.ts";
import { execsOf } from "./execs.ts";
import { type HostAddress, parseHost, type TlsFiles } from "./host.ts";
import { imagesOf } from "./images.ts";
import { networksOf } from "./networks.ts";
import { systemOf } from "./system.ts";
import { type ApiTransport, createTransport, type TransportOptions } from "./transport.ts";
import { volumesOf } from "./volumes.ts";

export interface ClientOptions {
  /** `unix:///path`, `tcp://host:port` or `https://…`; default `unix:///run/berth/berth.sock`. */
  host?: string;
  tls?: TlsFiles;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** An API version such as "1.44"; left out, the daemon's own newest is spoken. */
  version?: string;
}

/**
 * A client of the Docker Engine API, of this engine or any other. It holds no connection; nothing is to be closed.
 * @throws Error for a host that cannot be parsed
 */
export async function createClient(options: ClientOptions = {}): Promise<Client> {
  const endpoint = parseHost(options.host ?? "unix:///run/berth/berth.sock", options.tls);
  const isTls = endpoint.kind === "tcp" && endpoint.tls !== undefined;
  const settings: TransportOptions = { headers: options.headers, version: options.version };
  if (isTls) settings.https = await import("node:https");
  return clientOf(endpoint, settings);
}

export type Client = ReturnType<typeof clientOf>;

function clientOf(endpoint: HostAddress, settings: TransportOptions) {
  const transport = createTransport(endpoint, settings);
  return {
    host: endpoint.display,
    transport,
    cacheMounts: cacheMountsOf(transport),
    containers: containersOf(transport),
    execs: execsOf(transport),
    images: imagesOf(transport),
    networks: networksOf(transport),
    volumes: volumesOf(transport),
    ...systemOf(transport),
    /** Agrees on the newest version both sides know. A caller who chose a version keeps it. */
    negotiate: () => negotiate(transport),
  };
}

async function negotiate(transport: ApiTransport): Promise<string> {
  if (transport.version !== undefined) return transport.version;
  const response = await transport.head("/_ping");
  const offered = String(response.headers["api-version"] ?? "1.24");
  const version = isOlder(offered, apiVersion) ? offered : apiVersion;
  transport.useVersion(version);
  return version;
}

/** Compares dotted versions by number: "1.9" is older than "1.24". */
export function isOlder(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => version.split(".").map(Number)) as [number[], number[]];
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
