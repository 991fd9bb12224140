import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { eventually, type TestEngine } from "./engine.ts";

/** A connection to an engine's socket on which a test says every byte itself. */
export interface RawConnection {
  socket: Socket;
  /** What has come so far, as latin1. */
  received(): string;
  /** Waits until it has come. */
  shows(pattern: RegExp): Promise<string>;
  /** Waits for the engine to end its side. */
  ended(): Promise<string>;
}

export async function openRaw(engine: TestEngine, firstWords: string): Promise<RawConnection> {
  const socket = connect({ path: engine.host.slice("unix://".length), allowHalfOpen: true });
  let text = "";
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    text += chunk;
  });
  socket.on("error", () => {});
  const end = once(socket, "end");
  end.catch(() => {});
  await once(socket, "connect");
  socket.write(firstWords, "latin1");
  return {
    socket,
    received: () => text,
    shows: (pattern) =>
      eventually(
        () => text,
        (all) => pattern.test(all),
      ),
    async ended() {
      await end;
      socket.destroy();
      return text;
    },
  };
}

/** The head of a request, and its body. */
export function head(method: string, path: string, headers: string[] = [], body = ""): string {
  const lines = [`${method} ${path} HTTP/1.1`, "Host: x", ...headers];
  if (body) lines.push("Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`);
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/**
 * How many connections a process has open. Its sockets to the kernel come and go by themselves: each network namespace that is ready
 * for use has one.
 */
export function countConnections(pid: number): number {
  const known = new Set([...listInodes("unix", 6), ...listInodes("tcp", 9), ...listInodes("tcp6", 9)]);
  const isConnection = (fd: string) => {
    try {
      return known.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  };
  return readdirSync(`/proc/${pid}/fd`).filter(isConnection).length;
}

/** As links of descriptors show them. @param column of the inode, from 0 */
function listInodes(family: string, column: number): string[] {
  const [, ...lines] = readFileSync(`/proc/net/${family}`, "latin1").trim().split("\n");
  return lines.map((line) => `socket:[${line.trim().split(/\s+/)[column]}]`);
}
