import { spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasCode, internal } from "../errors.ts";
import {
  type Exit,
  type Hello,
  type MethodName,
  type Methods,
  type Notice,
  protocolVersion,
  type Reply,
  type Request,
  readFirstLine,
  readLines,
} from "./protocol.ts";

/** The daemon's end of the protocol. */
export interface Supervisor {
  call<M extends MethodName>(
    method: M,
    parameters: Parameters<Methods[M]>[0],
  ): Promise<ReturnType<Methods[M]>>;
  /** A connection that carries a process's input one way and its output the other. The caller destroys it. */
  attach(hello: Omit<Extract<Hello, { role: "attach" }>, "role">): Promise<Socket>;
  onExit(listener: (exit: Exit) => void): void;
  /** Called once, when the connection is lost; every call then fails. */
  onLost(listener: () => void): void;
  close(): void;
}

/** For one that neither listens nor ends; a slow or busy machine may well need seconds. */
const startTimeoutMilliseconds = 60_000;

/** Connects to the supervisor of this run-time folder, and starts one when there is none. */
export async function openSupervisor(execRoot: string, spoolFolder: string): Promise<Supervisor> {
  const path = join(execRoot, "supervisor.sock");
  let socket = await tryConnect(path);
  if (!socket) {
    const hasEnded = startSupervisor(execRoot, spoolFolder);
    const deadline = Date.now() + startTimeoutMilliseconds;
    while (!socket) {
      if (hasEnded() || Date.now() > deadline)
        throw internal(`the supervisor did not start; see ${join(execRoot, "supervisor.log")}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
      socket = await tryConnect(path);
    }
  }
  await introduce(socket, { role: "control", protocol: protocolVersion });
  return createSupervisor(socket, path);
}

function createSupervisor(control: Socket, path: string): Supervisor {
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  const exitListeners: ((exit: Exit) => void)[] = [];
  const lostListeners: (() => void)[] = [];
  let count = 0;
  let closed = false;
  readLines(control, (line) => {
    const message: Reply | Notice = JSON.parse(line);
    if ("exit" in message) {
      for (const listener of exitListeners) listener(message.exit);
      return false;
    }
    const caller = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) caller?.reject(new Error(message.error.message));
    else caller?.resolve(message.result as never);
    return false;
  });
  control.resume();
  control.on("error", () => control.destroy());
  control.once("end", () => control.destroy());
  control.once("close", () => {
    for (const { reject } of waiting.values()) reject(internal("the connection to the supervisor was lost"));
    waiting.clear();
    if (!closed) for (const listener of lostListeners) listener();
  });
  return {
    call(method, parameters) {
      return new Promise((resolve, reject) => {
        if (control.destroyed) return reject(internal("the supervisor is not running"));
        const request: Request = { id: count++, method, parameters };
        waiting.set(request.id, { resolve, reject });
        control.write(`${JSON.stringify(request)}\n`);
      });
    },
    async attach(hello) {
      const socket = await tryConnect(path);
      if (!socket) throw internal("the supervisor is not running");
      await introduce(socket, { role: "attach", ...hello });
      return socket;
    },
    onExit: (listener) => void exitListeners.push(listener),
    onLost: (listener) => void lostListeners.push(listener),
    close() {
      closed = true;
      control.destroy();
    },
  };
}

function tryConnect(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once("connect", () => resolve(socket));
    socket.once("error", (error) => {
      if (hasCode(error, "ENOENT") || hasCode(error, "ECONNREFUSED")) resolve(undefined);
      else reject(error);
    });
  });
}

async function introduce(socket: Socket, hello: Hello): Promise<void> {
  socket.write(`${JSON.stringify(hello)}\n`);
  if ((await readFirstLine(socket)) !== undefined) return;
  socket.destroy();
  throw internal(
    "the running supervisor speaks another protocol; stop all containers, then restart the engine",
  );
}

/**
 * The supervisor is a session of its own, so that no signal to the daemon's terminal or process group reaches it.
 * @returns whether it has ended since
 */
function startSupervisor(execRoot: string, spoolFolder: string): () => boolean {
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  const log = openSync(join(execRoot, "supervisor.log"), "a", 0o600);
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const main = fileURLToPath(new URL(`../supervisor/main${extension}`, import.meta.url));
  const child = spawn(process.execPath, ["--max-semi-space-size=1", main, execRoot, spoolFolder], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
  });
  child.unref();
  closeSync(log);
  return () => child.exitCode !== null || child.signalCode !== null;
}
