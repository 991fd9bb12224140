import { rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { messageOf } from "../errors.ts";
import { listenPrivately } from "../sys/listen.ts";
import type { Processes } from "./processes.ts";
import {
  type Hello,
  type MethodName,
  type Notice,
  oldestProtocol,
  protocolVersion,
  type Reply,
  type Request,
  readFirstLine,
  readLines,
  type Welcome,
} from "./protocol.ts";

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
  onShutdown: () => void,
): Promise<SupervisorServer> {
  const controls = new Set<Socket>();
  const handlers = createHandlers(processes, onShutdown);
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on("error", () => socket.destroy());
    void readFirstLine(socket).then((line) => {
      const hello = line === undefined ? undefined : parseHello(line);
      if (!hello) return socket.destroy();
      const welcome: Welcome = { ok: canSpeak(hello), protocol: protocolVersion };
      socket.write(`${JSON.stringify(welcome)}\n`);
      if (!welcome.ok) return socket.end();
      if (hello.role === "attach") return processes().attach(hello, socket);
      const asker = new AbortController();
      controls.add(socket);
      socket.once("end", () => socket.end());
      socket.once("close", () => {
        controls.delete(socket);
        setTimeout(
          () => asker.abort(new Error("nobody waits for it any more")),
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
  /** No daemon has come, or come back, and there is nothing that one could ask for. */
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

type Handlers = Record<MethodName, (parameters: never, asker: AbortSignal) => unknown>;

function createHandlers(processes: () => Processes, onShutdown: () => void): Handlers {
  return {
    start: (p: never, asker) => processes().start(p, asker),
    exec: (p: never, asker) => processes().exec(p, asker),
    abort: (p: never) => processes().abort(p),
    adopt: (p: never) => processes().adopt(p),
    runtime: (p: never) => processes().runtime(p),
    closeInput: (p: never) => processes().closeInput(p),
    resize: (p: never) => processes().resize(p),
    list: (_: never, asker) => processes().list(asker),
    forget: (p: never) => processes().forget(p),
    shutdown() {
      const idle = processes().isIdle;
      if (idle) setImmediate(onShutdown);
      return idle;
    },
  };
}

async function answer(text: string, handlers: Handlers, asker: AbortSignal): Promise<Reply> {
  const request: Request = JSON.parse(text);
  try {
    return { id: request.id, result: await handlers[request.method](request.parameters as never, asker) };
  } catch (error) {
    return { id: request.id, error: { message: messageOf(error) } };
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

function send(socket: Socket, message: Reply | Notice): void {
  if (!socket.destroyed) socket.write(`${JSON.stringify(message)}\n`);
}
