import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import type { Socket } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { internal, unavailable } from "../errors.ts";
import { socketPath, tryConnect } from "./connect.ts";
import type { Lifelines } from "./lifelines.ts";
import {
  type AdoptOptions,
  type ExecOptions,
  type Exit,
  type Held,
  type Hello,
  type MethodName,
  type Methods,
  methodSince,
  type Notice,
  oldestProtocol,
  protocolVersion,
  type Reply,
  type Request,
  readFirstLine,
  readLines,
  type Started,
  type Welcome,
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
export async function openSupervisor(
  execRoot: string,
  spoolFolder: string,
  lifelines: Lifelines,
): Promise<Supervisor> {
  const path = socketPath(execRoot);
  const deadline = performance.now() + startTimeoutMilliseconds;
  let child: ChildProcess | undefined;
  for (;;) {
    const socket = await tryConnect(path);
    const hello = { role: "control", protocol: protocolVersion, oldest: oldestProtocol } as const;
    const welcome = socket && (await introduce(socket, hello));
    if (welcome) return createSupervisor(socket, welcome.protocol, path, lifelines);
    // Another one served when it came.
    if (child?.exitCode === 0) child = undefined;
    if (!socket) child ??= startSupervisor(execRoot, spoolFolder);
    const hasEnded = child && (child.exitCode ?? child.signalCode) !== null;
    if (hasEnded || performance.now() > deadline)
      throw internal(`the supervisor did not start; see ${join(execRoot, "supervisor.log")}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function createSupervisor(control: Socket, protocol: number, path: string, lifelines: Lifelines): Supervisor {
  /** Attached connections that are being made, by their client's name. */
  const attaching = new Map<string, Promise<unknown>>();
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  const exitListeners: ((exit: Exit) => void)[] = [];
  const lostListeners: (() => void)[] = [];
  let count = 0;
  let closed = false;
  readLines(control, (line) => {
    const message: Reply | Notice = JSON.parse(line);
    if ("inputClosed" in message) {
      lifelines.drop(message.inputClosed);
      return false;
    }
    if ("exit" in message) {
      lifelines.drop(message.exit.process);
      for (const listener of exitListeners) listener(message.exit);
      return false;
    }
    const caller = waiting.get(message.id);
    waiting.delete(message.id);
    if (message.error) caller?.reject(new Error(message.error.message));
    else caller?.resolve(message.result);
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

  function request(
    method: MethodName,
    parameters: Request["parameters"],
    onResult: (result: unknown) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (protocol < (methodSince[method] ?? 1))
        return reject(unavailable(`the running supervisor is of an earlier version, which cannot ${method}`));
      if (control.destroyed) return reject(internal("the supervisor is not running"));
      const message: Request = { id: count++, method, parameters };
      const settle = (result: unknown) => {
        onResult(result);
        resolve(result);
      };
      waiting.set(message.id, { resolve: settle, reject });
      control.write(`${JSON.stringify(message)}\n`);
    });
  }

  /** Keeps the lifelines of what has been started, and gives back that of what is adopted. */
  async function call<M extends MethodName>(method: M, parameters: Parameters<Methods[M]>[0]) {
    const id = "process" in parameters ? parameters.process : "";
    const lifeline = method === "adopt" ? lifelines.find(id) : undefined;
    const sent = lifeline ? { ...(parameters as AdoptOptions), lifeline } : parameters;
    // One of an earlier version does not wait for it.
    if (protocol < 3 && method === "exec") await attaching.get((parameters as ExecOptions).client ?? "");
    let isKept = true;
    // Before the next line is read: with the process's end the number would be another's, and kept for ever.
    const result = await request(method, sent, (received) => {
      if (method === "start" || method === "exec")
        isKept = lifelines.keep(id, (received as Started).lifeline);
      if (method === "list")
        for (const held of received as Held[]) lifelines.keep(held.process, held.lifeline);
    });
    // The process has ended, or the supervisor: then this fails as well, and nobody is told that it runs.
    if (!isKept) await request("list", {}, () => {});
    return result as ReturnType<Methods[M]>;
  }

  return {
    call,
    attach(hello) {
      const attached = attach(path, hello);
      attaching.set(hello.client, attached);
      return attached.finally(() => attaching.delete(hello.client));
    },
    onExit: (listener) => void exitListeners.push(listener),
    onLost: (listener) => void lostListeners.push(listener),
    close() {
      closed = true;
      control.destroy();
    },
  };
}

async function attach(path: string, hello: Parameters<Supervisor["attach"]>[0]): Promise<Socket> {
  const socket = await tryConnect(path);
  if (!socket || !(await introduce(socket, { role: "attach", ...hello })))
    throw internal("the supervisor is not running");
  return socket;
}

/** A supervisor that is on its way: what is asked of it waits until it is there. */
export function upcoming(next: Promise<Supervisor>): Supervisor {
  next.catch(() => {});
  return {
    call: async (method, parameters) => (await next).call(method, parameters),
    attach: async (hello) => (await next).attach(hello),
    onExit: (listener) => void next.then((supervisor) => supervisor.onExit(listener)),
    onLost: (listener) => void next.then((supervisor) => supervisor.onLost(listener)),
    close: () => void next.then((supervisor) => supervisor.close()),
  };
}

/** @returns undefined when the supervisor was just ending. @throws EngineError internal when it is of too different a version */
async function introduce(socket: Socket, hello: Hello): Promise<Welcome | undefined> {
  socket.write(`${JSON.stringify(hello)}\n`);
  const line = await readFirstLine(socket);
  const welcome: Welcome | undefined = line === undefined ? undefined : JSON.parse(line);
  if (welcome?.ok) return welcome;
  socket.destroy();
  if (!welcome) return undefined;
  throw internal(
    `the running supervisor speaks protocol ${welcome.protocol}, and this engine ${oldestProtocol} to ${protocolVersion}: ` +
      "stop all containers with the engine of before, then start this one",
  );
}

/** The supervisor is a session of its own, so that no signal to the daemon's terminal or process group reaches it. */
function startSupervisor(execRoot: string, spoolFolder: string): ChildProcess {
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
  return child;
}
