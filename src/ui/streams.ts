import { type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { acceptWebSocketKey, encodeWebSocketFrame } from "../formats/web-socket.ts";
import { openWebSocket } from "../sys/web-socket.ts";
import { answerError } from "./answer.ts";
import type { EngineLink } from "./engine-link.ts";
import { admit, type ProxyOptions, readOnly } from "./proxy.ts";
import { notHere, Refusal, toRefusal } from "./refusal.ts";

/**
 * What goes on without end comes over a WebSocket each: a browser has six connections of HTTP's for a server, and a few logs side by
 * side would take them all. Bytes are binary messages, what is said about them is text: `{"type"}` first, `{"message"}` for an error.
 */
export interface Streams {
  /** The page's side of a new socket is ours from here on. */
  open(input: IncomingMessage, socket: Duplex, head: Buffer, session: AbortSignal): void;
}

/** What is sent to every page that watches, such as the sampler's numbers. */
export interface Feed {
  follow(listener: (message: string) => void): () => void;
}

const mostOpen = 512;

export function createStreams(options: ProxyOptions & { feed: Feed }): Streams {
  let open = 0;
  return {
    open(input, socket, head, session) {
      if (open >= mostOpen) throw new Refusal(503, "too many streams are open");
      const { pathname, searchParams } = new URL(input.url ?? "/", "http://ui");
      const source = chooseSource(pathname, searchParams, options);
      accept(input, socket, head);
      open++;
      const end = () => socket.destroy();
      session.addEventListener("abort", end, { once: true });
      socket.once("close", () => {
        open--;
        session.removeEventListener("abort", end);
      });
      void source(socket)
        .catch((error: unknown) => {
          const { message, status } = toRefusal(error);
          if (status === 502) options.engine.forget();
          say(socket, { message });
          if (socket.writable) socket.end(encodeWebSocketFrame("close", Buffer.alloc(0)));
        })
        .finally(() => leave(socket));
    },
  };
}

type Source = (socket: Duplex) => Promise<void>;

/** @throws Refusal */
function chooseSource(path: string, search: URLSearchParams, options: ProxyOptions & { feed: Feed }): Source {
  const [, terminal, id = ""] = /^\/ui\/(exec|attach)\/([\w.-]{1,255})$/.exec(path) ?? [];
  if (terminal) {
    if (options.isReadOnly) throw readOnly();
    const size = ["rows", "columns"].map((name) => clampSize(Number(search.get(name))));
    return (socket) =>
      bridge(socket, terminal === "exec" ? { exec: id, size } : { container: id }, options.engine);
  }
  if (path === "/ui/live") return (socket) => feed(socket, options.feed);
  if (path !== "/ui/stream") throw notHere();
  const call = admit("GET", search.get("path") ?? "", options);
  return async (socket) => {
    const gone = new AbortController();
    socket.once("close", () => gone.abort());
    // Read from the start, or a page that leaves before the engine answers would not be seen to leave.
    const page = openWebSocket(socket, false).resume();
    const { transport } = await options.engine.client();
    const answer = await transport.stream("GET", call.path, { query: call.query, signal: gone.signal });
    say(socket, { type: answer.headers["content-type"] ?? "" });
    await quietly(pipeline(answer, page));
  };
}

/** Rows or columns, whatever was asked for. */
const clampSize = (value: number) => Math.min(1000, Math.max(1, Math.floor(value) || 24));

/** A terminal: what is typed goes to the process, what it prints comes back. */
async function bridge(
  socket: Duplex,
  of: { exec: string; size: number[] } | { container: string },
  engine: EngineLink,
): Promise<void> {
  const page = openWebSocket(socket, false);
  const { transport } = await engine.client();
  const { socket: process, isRaw } =
    "exec" in of
      ? await transport.hijack(`/exec/${of.exec}/start`, {
          body: { Detach: false, Tty: true, ConsoleSize: of.size },
        })
      : await transport.hijack(`/containers/${of.container}/attach`, {
          query: { stream: true, stdin: true, stdout: true, stderr: true, logs: false },
        });
  if (socket.destroyed) {
    process.destroy();
    return;
  }
  say(socket, { type: isRaw ? "raw" : "frames" });
  await quietly(pipeline(page, process, page));
  process.destroy();
}

/** That one side went is no error: the other has ended with it. */
const quietly = (running: Promise<void>) => running.catch(() => undefined);

const largestBacklogBytes = 1 << 20;

/** A page that does not read misses what comes meanwhile. */
async function feed(socket: Duplex, { follow }: Feed): Promise<void> {
  const page = openWebSocket(socket, true).resume();
  page.on("error", () => socket.destroy());
  const unfollow = follow((message) => {
    // What waits is with the page's stream, and what is on its way with the socket.
    if (page.writableLength + socket.writableLength < largestBacklogBytes) page.write(message);
  });
  await new Promise((resolve) => socket.once("close", resolve));
  unfollow();
}

function accept(input: IncomingMessage, socket: Duplex, head: Buffer): void {
  const { "sec-websocket-key": key, upgrade } = input.headers;
  if (input.method !== "GET" || upgrade?.toLowerCase() !== "websocket" || typeof key !== "string")
    throw new Refusal(400, "a WebSocket is expected here");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
      `Sec-WebSocket-Accept: ${acceptWebSocketKey(key)}\r\nSec-WebSocket-Protocol: berth\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
}

function say(socket: Duplex, message: object): void {
  if (socket.writable) socket.write(encodeWebSocketFrame("text", Buffer.from(JSON.stringify(message))));
}

const longestFarewellMilliseconds = 3000;

/** What the page has yet to send is read for a while. Then its place is another's, whether it has closed its side or not. */
function leave(socket: Duplex): void {
  socket.resume();
  const timer = setTimeout(() => socket.destroy(), longestFarewellMilliseconds);
  socket.once("close", () => clearTimeout(timer));
}

/** An ordinary answer on a connection that asked for more. It ends with the answer, whether the client closes its side or not. */
export function refuseUpgrade(input: IncomingMessage, error: unknown): void {
  const output = new ServerResponse(input);
  output.shouldKeepAlive = false;
  output.assignSocket(input.socket);
  output.once("finish", () => input.socket.destroySoon());
  answerError(input, output, error);
}
