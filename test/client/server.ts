import { mkdtempSync, rmSync } from "node:fs";
import http from "node:http";
import type { AddressInfo, Socket } from "node:net";
import os from "node:os";
import path from "node:path";
import type { Duplex } from "node:stream";

export interface TestServer {
  host: string;
  /** Method and URL of every request, in order. */
  requests: { method: string; url: string; headers: http.IncomingHttpHeaders; body: string }[];
  close(): Promise<void>;
}

export type Answer = (request: http.IncomingMessage, response: http.ServerResponse, body: string) => void;

/** A real HTTP server on a socket of its own, which answers as told. `upgrade` gets hijacked connections. */
export async function serve(
  answer: Answer,
  upgrade?: (request: http.IncomingMessage, socket: Duplex, body: string) => void,
  options: { isTcp?: boolean } = {},
): Promise<TestServer> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "berth-client-"));
  const requests: TestServer["requests"] = [];
  const sockets = new Set<Socket>();
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      answer(request, response, body);
    });
  });
  server.on("upgrade", (request, socket, head) => {
    if (head.length > 0) socket.unshift(head);
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks).toString();
      requests.push({ method: request.method ?? "", url: request.url ?? "", headers: request.headers, body });
      upgrade?.(request, socket, body);
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const socketPath = path.join(folder, "docker.sock");
  await new Promise<void>((resolve) =>
    options.isTcp ? server.listen(0, "127.0.0.1", resolve) : server.listen(socketPath, resolve),
  );
  const port = () => (server.address() as AddressInfo).port;
  return {
    host: options.isTcp ? `tcp://127.0.0.1:${port()}` : `unix://${socketPath}`,
    requests,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export const json = (response: http.ServerResponse, status: number, body: unknown) => {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(body));
};
