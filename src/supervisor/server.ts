import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { encodeError, unavailable } from "../errors.ts";
import { readFirstLine, readLines } from "../supervisor-protocol/lines.ts";
import type { NameMethods } from "../supervisor-protocol/names.ts";
import {
  type Hello,
  type MethodReply,
  type Notice,
  oldestProtocol,
  protocolVersion,
  type Request,
  type Welcome,
} from "../supervisor-protocol/protocol.ts";
import type { RelayMethods } from "../supervisor-protocol/relays.ts";
import { listenPrivately } from "../sys/listen.ts";
import { createHandlers, type Handlers, type HandlersOf, listCapabilities } from "./handlers.ts";
import type { Processes } from "./processes.ts";

export interface SupervisorServer {
  notify(notice: Notice): void;
}

/**
 * Serves the protocol on a unix socket that only root may use.
 * @param onShutdown called when a client asks and nothing runs
 */
export function serve(
  path: string,
  processes: () => Processes,
  networking: HandlersOf<NameMethods & RelayMethods>,
  onShutdown: () => void,
): Promise<SupervisorServer> {
  const controls = new Set<Socket>();
  const handlers = createHandlers(processes, networking, onShutdown);
  const methods = listCapabilities(handlers);
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    void readFirstLine(socket).then((line) => {
      const hello = line === undefined ? undefined : parseHello(line);
      if (!hello) return socket.destroy();
      const welcome: Welcome = { ok: canSpeak(hello), protocol: protocolVersion, methods };
      socket.write(`${JSON.stringify(welcome)}\n`);
      if (!welcome.ok) return socket.end();
      if (hello.role === "attach") return processes().attach(hello, socket);
      if (hello.spoolFolder !== undefined) processes().spoolTo(hello.spoolFolder);
      const asker = new AbortController();
      controls.add(socket);
      socket.once("end", () => socket.end());
      socket.once("close", () => {
        controls.delete(socket);
        setTimeout(
          () => asker.abort(new Error("request canceled: client disconnected")),
          startedForNobodyMilliseconds,
        ).unref();
        if (controls.size === 0) setTimeout(endIfForgotten, forgottenAfterMilliseconds);
      });
      readLines(socket, (text) => {
        void answer(text, handlers, asker.signal).then((reply) => send(socket, reply));
        return false;
      });
      socket.resume();
    });
  });
  /** No daemon is connected, and there is no process to hold for one. */
  const endIfForgotten = () => {
    if (controls.size === 0 && processes().isEmpty) onShutdown();
  };
  rmSync(path, { force: true });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    listenPrivately(server, path, 0o600, () => {
      setTimeout(endIfForgotten, forgottenAfterMilliseconds);
      resolve({
        notify(notice) {
          for (const socket of controls) send(socket, notice);
        },
      });
    });
  });
}

const forgottenAfterMilliseconds = 10_000;
/** How long a start may go on once the daemon that asked for it has gone. */
const startedForNobodyMilliseconds = 5000;

async function answer(text: string, handlers: Handlers, asker: AbortSignal): Promise<MethodReply> {
  const request: Request = JSON.parse(text);
  try {
    if (!Object.hasOwn(handlers, request.method)) throw unavailable(`unknown method ${request.method}`);
    return { id: request.id, result: await handlers[request.method](request.parameters as never, asker) };
  } catch (error) {
    return { id: request.id, error: encodeError(error) };
  }
}

function parseHello(line: string): Hello | undefined {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const canSpeak = (hello: Hello) =>
  hello.role === "attach" || (hello.protocol >= oldestProtocol && hello.oldest <= protocolVersion);

function send(socket: Socket, message: MethodReply | Notice): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}
