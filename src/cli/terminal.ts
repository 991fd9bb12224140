import { spawnSync } from "node:child_process";
import { constants } from "node:os";
import type { Duplex } from "node:stream";
import { copyOutput } from "../client/frames.ts";
import type { HijackedConnection } from "../client/transport.ts";
import type { Cli } from "./cli.ts";
import { createEscapeDetector, readDetachKeys } from "./detach-keys.ts";

export interface TerminalSession {
  connection: HijackedConnection;
  isTty: boolean;
  hasStdin: boolean;
  hasOutput: boolean;
  detachKeys: string;
}

/**
 * Connects this process's streams with a container until its output ends or the user detaches.
 * The terminal is in raw mode meanwhile, and restored whichever way this ends.
 */
export async function runSession(cli: Cli, session: TerminalSession): Promise<"ended" | "detached"> {
  const { connection, isTty } = session;
  const { socket } = connection;
  const isRawMode = isTty && session.hasStdin && setRawMode(cli, true);
  const stopSignals = exitOnSignals();
  const input = session.hasStdin ? sendInput(cli, socket, session) : undefined;
  try {
    const output = copyOutput(socket, isTty, cli.stdout, cli.stderr).then(() => "ended" as const);
    output.catch(() => undefined);
    if (!session.hasOutput && input !== undefined) return await Promise.race([input.done, output]);
    return await (input === undefined ? output : Promise.race([output, input.detached]));
  } catch (error) {
    // A connection that breaks when the container is gone is an end like any other.
    if (error instanceof Error && "code" in error && (error.code === "ECONNRESET" || error.code === "EPIPE"))
      return "ended";
    throw error;
  } finally {
    input?.stop();
    stopSignals();
    if (isRawMode) setRawMode(cli, false);
    socket.destroy();
  }
}

function sendInput(cli: Cli, socket: Duplex, session: TerminalSession) {
  const detector = session.isTty ? createEscapeDetector(readDetachKeys(session.detachKeys)) : undefined;
  let setDetached: (value: "detached") => void = () => undefined;
  let setDone: (value: "ended") => void = () => undefined;
  const detached = new Promise<"detached">((resolve) => {
    setDetached = resolve;
  });
  const done = new Promise<"ended">((resolve) => {
    setDone = resolve;
  });
  const onData = (chunk: Buffer) => {
    const { bytes, isDetach } = detector?.push(chunk) ?? { bytes: chunk, isDetach: false };
    if (bytes.length > 0 && socket.writable && !socket.write(bytes)) {
      cli.stdin.pause();
      socket.once("drain", () => cli.stdin.resume());
    }
    if (isDetach) setDetached("detached");
  };
  // Not before all of it has gone: what is still queued would be lost with the socket.
  const onEnd = () => void socket.end(() => setDone("ended"));
  cli.stdin.on("data", onData);
  cli.stdin.once("end", onEnd);
  cli.stdin.once("error", onEnd);
  // Without a listener, input that arrives after the container has gone would end this process.
  socket.on("error", () => undefined);
  return {
    detached,
    done,
    stop() {
      cli.stdin.off("data", onData);
      cli.stdin.pause();
    },
  };
}

/** A signal that is not passed to the container ends us, by a normal exit: only that gives the terminal back as it was. */
export function exitOnSignals(): () => void {
  const mine = (["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const).filter(
    (signal) => process.listenerCount(signal) === 0,
  );
  const exit = (_signal: NodeJS.Signals, number: number) => process.exit(128 + number);
  for (const signal of mine) process.on(signal, exit);
  return () => {
    for (const signal of mine) process.off(signal, exit);
  };
}

function setRawMode(cli: Cli, isRaw: boolean): boolean {
  const { stdin } = cli;
  if (stdin.isTTY !== true || !("setRawMode" in stdin) || typeof stdin.setRawMode !== "function")
    return false;
  stdin.setRawMode(isRaw);
  // Node's raw mode still turns \n into \r\n on output, which moves the cursor of full-screen programs; the way back restores it.
  if (isRaw) spawnSync("stty", ["-opost"], { stdio: ["inherit", "ignore", "ignore"] });
  return true;
}

/** Docker refuses a terminal for the container when ours is none. */
export function checkTty(cli: Cli, options: { hasStdin: boolean; isTty: boolean }): void {
  if (options.hasStdin && options.isTty && cli.stdin.isTTY !== true)
    throw new Error("the input device is not a TTY");
}

/** Keeps the container's terminal as large as ours; gives the way to stop. */
export function followTerminalSize(
  cli: Cli,
  resize: (size: { rows: number; columns: number }) => Promise<void>,
  options: { isRedrawn?: boolean } = {},
): () => void {
  if (cli.stdout.isTTY !== true) return () => undefined;
  const send = () => {
    const { rows = 0, columns = 0 } = cli.stdout;
    // It may be gone already, or not quite there: the next change of size tries again.
    if (rows > 0 && columns > 0) resize({ rows, columns }).catch(() => undefined);
  };
  const { rows = 0, columns = 0 } = cli.stdout;
  // A program that runs already redraws only when the size changes.
  if (options.isRedrawn) resize({ rows: rows + 1, columns: columns + 1 }).then(send, send);
  else send();
  process.on("SIGWINCH", send);
  return () => process.off("SIGWINCH", send);
}

/**
 * What is not for the container: what a signal of our own children, pipes and sockets says, and how large our window is, which would
 * end an Apache; nor what says that this process is broken.
 */
const ownSignals = [
  ...["SIGCHLD", "SIGPIPE", "SIGURG", "SIGWINCH", "SIGKILL", "SIGSTOP"],
  ...["SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP"],
];

/** Each number once: some have two names. */
function proxiedSignals(): NodeJS.Signals[] {
  const own = new Set(ownSignals.map((name) => constants.signals[name as NodeJS.Signals]));
  const names = Object.entries(constants.signals).map(([name, number]) => [number, name] as const);
  return [...new Map(names)].filter(([number]) => !own.has(number)).map(([, name]) => name as NodeJS.Signals);
}

const mostRequests = 3;

/**
 * Passes the signals we get to the container; gives the way to stop. A container that does not heed them holds up no one: the third
 * that asks for the end ends us, as docker.
 */
export function proxySignals(cli: Cli, kill: (signal: string) => Promise<void>): () => void {
  let requests = 0;
  const listener = (signal: NodeJS.Signals) => {
    if (signal === "SIGINT" || signal === "SIGTERM") requests++;
    if (requests === mostRequests) {
      cli.warn(`\ngot ${mostRequests} SIGTERM/SIGINTs, forcefully exiting`);
      process.exit(1);
    }
    kill(signal.slice("SIG".length)).catch(() => undefined);
  };
  const signals = proxiedSignals();
  for (const signal of signals) process.on(signal, listener);
  return () => {
    for (const signal of signals) process.off(signal, listener);
  };
}
