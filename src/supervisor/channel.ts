import type { Socket } from "node:net";
import type { LogEntry } from "../formats/log-entry.ts";
import { encodeFrame, streams } from "../formats/stdcopy.ts";
import { OutputQueue } from "./output-queue.ts";
import type { Hello } from "./protocol.ts";
import type { Stdio } from "./stdio.ts";

type AttachHello = Extract<Hello, { role: "attach" }>;

interface Client {
  socket: Socket;
  queue: OutputQueue | undefined;
  hello: AttachHello;
  closesInput: boolean;
}

/** Joins the clients attached to one process with its input and output. It may exist before the process does. */
export class Channel {
  readonly #clients = new Set<Client>();
  /** Names of clients that have sent all they will send: one channel is one run of the process. */
  readonly #ended = new Set<string>();
  /** By the name of the client that is waited for. */
  readonly #awaited = new Map<string, () => void>();
  readonly #spoolFolder: string;
  #stdio: Stdio | undefined;
  #framed = true;

  constructor(spoolFolder: string) {
    this.#spoolFolder = spoolFolder;
  }

  get isEmpty(): boolean {
    return this.#clients.size === 0 && !this.#stdio;
  }

  /** @param terminal output is then sent as it is, not in frames */
  attach(hello: AttachHello, socket: Socket): void {
    const client: Client = { socket, hello, queue: undefined, closesInput: false };
    this.#clients.add(client);
    const end = () => {
      if (client.closesInput && !this.#ended.has(hello.client)) this.#stdio?.closeInput();
      this.#ended.add(hello.client);
    };
    socket.once("end", end).once("close", end);
    socket.once("close", () => this.#clients.delete(client));
    if (this.#stdio) this.#join(client, this.#stdio);
    this.#awaited.get(hello.client)?.();
  }

  /** Resolves when the client of that name is attached, or when `signal` is aborted since it won't come any more. */
  async whenAttached(name: string, signal: AbortSignal): Promise<void> {
    const isThere = [...this.#clients].some(({ hello }) => hello.client === name);
    if (isThere || this.#ended.has(name) || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#awaited.set(name, resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#awaited.delete(name);
  }

  open(stdio: Stdio, terminal: boolean): void {
    this.#stdio = stdio;
    this.#framed = !terminal;
    for (const client of this.#clients) this.#join(client, stdio);
  }

  /** @param chunk the caller's again afterwards */
  send(stream: LogEntry["stream"], chunk: Buffer): void {
    let copy: Buffer | undefined;
    for (const { queue, hello } of this.#clients) {
      if (!queue || !hello[stream]) continue;
      copy ??= this.#framed ? encodeFrame(streams[stream], chunk) : Buffer.from(chunk);
      queue.push(copy);
    }
  }

  /** Closes the process's input, once that client has sent all it will send. */
  closeInput(name: string): void {
    if (this.#ended.has(name)) this.#stdio?.closeInput();
    // One that is not known was joined with an earlier run of the container.
    for (const client of this.#clients) if (client.hello.client === name) client.closesInput = true;
  }

  /** The process has ended: each client gets the rest of its output and then the end. */
  close(): void {
    this.#stdio = undefined;
    for (const { queue, socket } of this.#clients) {
      if (queue) queue.end();
      else socket.end();
    }
  }

  #join(client: Client, stdio: Stdio): void {
    const { socket, hello } = client;
    client.queue = new OutputQueue(socket, this.#spoolFolder, this.#framed);
    socket.on("data", (chunk: Buffer) => {
      if (!hello.stdin || stdio.write(chunk)) return;
      socket.pause();
      stdio.onceWritable(() => socket.resume());
    });
    socket.resume();
  }
}
