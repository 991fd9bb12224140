import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { letIdleGo } from "../sys/idle-connections.ts";
import type { Ui } from "./ui.ts";

export interface UiAddress {
  host: string;
  port: number;
}

/** "9000", ":9000", "127.0.0.1:9000", "[::1]:9000". @throws Error */
export function parseUiAddress(text: string): UiAddress {
  const [, host, port] = /^(?:\[?([^\]]*?)\]?:)?(\d{1,5})$/.exec(text) ?? [];
  if (port === undefined || Number(port) > 65_535)
    throw new Error(`invalid address "${text}": use ADDRESS:PORT`);
  return { host: host || (text.startsWith(":") ? "0.0.0.0" : "127.0.0.1"), port: Number(port) };
}

export const isLoopbackHost = (host: string) =>
  host === "localhost" || host === "::1" || /^127\.\d+\.\d+\.\d+$/.test(host);

const mostConnections = 1024;
/** Longer than an upload may stop: its client gets an answer before it is cut off. */
const longestIdleSeconds = 90;

/**
 * @param idleSeconds how long a client may take nothing of what waits for it
 * @returns the server, and the address that a browser opens
 */
export async function listenUi(
  ui: Ui,
  { host, port }: UiAddress,
  tls: { cert: Buffer; key: Buffer } | undefined,
  idleSeconds = longestIdleSeconds,
): Promise<{ server: Server; url: string }> {
  // Headers come soon or never. How long a body may take is decided where it is read, since uploads are large.
  const limits = {
    headersTimeout: 5000,
    requestTimeout: 0,
    connectionsCheckingInterval: 1000,
    keepAlive: true,
  };
  const server: Server = tls ? createTlsServer({ ...limits, ...tls }) : createServer(limits);
  server.maxConnections = mostConnections;
  letIdleGo(server, idleSeconds);
  server.on("request", ui.request).on("upgrade", ui.upgrade);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  const { port: chosen } = server.address() as AddressInfo;
  const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host;
  return { server, url: `${tls ? "https" : "http"}://${shown}:${chosen}/` };
}
