import type { Socket } from "node:net";
import type { LogEntry } from "../formats/log-entry.ts";
import { encodeFrame, streams } from "../formats/stdcopy.ts";
import type { Hello } from "../supervisor-protocol/protocol.ts";
import { watchHangUp } from "../sys/hang-up.ts";
import { OutputQueue } from "./output-queue.ts";
import type { Stdio } from "./stdio.ts";

type AttachHello = Extract<Hello, { role: "attach" }>;

interface Client {
  socket: Socket;
  queue: OutputQueue | undefined;
  hello: AttachHello;
  /** What it has sent is all that comes, and holds nothing back any more. */
  isGone: boolean;
}

/** Joins the clients attached to one process with its input and output. It may exist before the process does. */
export class Channel {
  readonly #clients = new Set<Client>();
  /** Names of clients that came and went before there was a process. */
  readonly #early = new Set<string>();
  /** Names of clients that have sent all they will send, and whose end may be the end of the input. Thousands may come in one run. */
  readonly #ended = new Set<string>();
  /** Names of those whose end is the end of the input. */
  readonly #closing = new Set<string>();
  #isInputClosed = false;
  /** By the name of the client that is waited for. */
  readonly #awaited = new Map<string, () => void>();
  readonly #spoolFolder: string;
  #stdio: Stdio | undefined;
  #framed = true;

  constructor(spoolFolder: string) {
    this.#spoolFolder = spoolFolder;
  }

  /** How many clients that are gone are still known by name. */
  get remembered(): number {
    return this.#early.size + this.#ended.size + this.#closing.size;
  }

  get isEmpty(): boolean {
    return this.#clients.size === 0 && !this.#stdio;
  }

  attach(hello: AttachHello, socket: Socket): void {
    const client: Client = { socket, hello, queue: undefined, isGone: false };
    this.#clients.add(client);
    const end = () => {
      if (!this.#stdio) this.#early.add(hello.client);
      if (hello.closesInput !== false && !this.#isInputClosed) this.#ended.add(hello.client);
      this.#settleInput();
    };
    socket.once("end", end).once("close", end);
    // One that is held back does not notice by itself.
    watchHangUp(socket, () => {
      client.isGone = true;
      if (!client.queue || socket.readableEnded) socket.destroy();
      else socket.resume();
    });
    socket.once("end", () => client.isGone && socket.destroy());
    socket.once("close", () => this.#clients.delete(client));
    if (this.#stdio) this.#join(client, this.#stdio);
    this.#awaited.get(hello.client)?.();
  }

  /** Resolves when the client of that name is attached, or when `signal` is aborted since it won't come any more. */
  async whenAttached(name: string, signal: AbortSignal): Promise<void> {
    if (this.#has(name) || this.#early.has(name) || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#awaited.set(name, resolve);
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
    this.#awaited.delete(name);
  }

  /** @param terminal output is then sent as it is, not in frames */
  open(stdio: Stdio, terminal: boolean): void {
    this.#stdio = stdio;
    this.#framed = !terminal;
    this.#early.clear();
    for (const client of this.#clients) this.#join(client, stdio);
    this.#settleInput();
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

  /** Closes the process's input, once that client has sent all it will send, and not before there is a process. */
  closeInput(name: string): void {
    // One that is not known was joined with an earlier run of the container, and does not end here.
    if (this.#isInputClosed || !(this.#has(name) || this.#ended.has(name))) return;
    this.#closing.add(name);
    this.#settleInput();
  }

  #has(name: string): boolean {
    return [...this.#clients].some(({ hello }) => hello.client === name);
  }

  #settleInput(): void {
    if (!this.#stdio || this.#isInputClosed) return;
    if (![...this.#closing].some((name) => this.#ended.has(name))) return;
    this.#isInputClosed = true;
    this.#ended.clear();
    this.#closing.clear();
    this.#stdio.closeInput();
  }

  /** The process has ended: each client gets the rest of its output and then the end. */
  close(): void {
    this.#stdio = undefined;
    for (const { queue, socket } of this.#clients) {
      if (queue) queue.end();
      else socket.end();
      // What its input still has goes nowhere, and hides its end.
      socket.resume();
    }
  }

  #join(client: Client, stdio: Stdio): void {
    const { socket, hello } = client;
    client.queue = new OutputQueue(socket, this.#spoolFolder, this.#framed);
    socket.on("data", (chunk: Buffer) => {
      if (!hello.stdin || this.#stdio !== stdio || stdio.write(chunk) || client.isGone) return;
      socket.pause();
      stdio.onceWritable(() => socket.resume());
    });
    socket.resume();
  }
}
