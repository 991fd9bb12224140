import type { IncomingMessage, ServerResponse } from "node:http";
import { Duplex, type Readable } from "node:stream";
import type { OpenEngine } from "../engine/engine.ts";
import { invalid } from "../errors.ts";
import { type Filters, parseFilters } from "../formats/filters.ts";
import type { Shape } from "../formats/shape.ts";
import { acceptWebSocketKey } from "../formats/web-socket.ts";
import type { Slices } from "../sys/pauses.ts";
import { sendTo } from "../sys/send.ts";
import { checkContentType, readBody } from "./body.ts";
import { closeWithClient } from "./close-with-client.ts";
import { readUpload } from "./upload-body.ts";
import { endBeforeBody } from "./wait-for-body.ts";

/** An answer to send; a handler that has written to `output` itself gives none. */
export interface Reply {
  status: number;
  /** Sent as JSON; a string as plain text. A member may be made as it is sent, as `elements` are. */
  body?: unknown;
  /** Instead: the elements of a list that may be long. They are made as they are sent, so that it neither holds up nor weighs much. */
  elements?: Slices<unknown>;
  headers?: Record<string, string>;
}

export type Handler = (request: ApiRequest) => Promise<Reply | undefined> | Reply | undefined;

/** The connection of a client that may have it as a raw stream. */
export interface Upgrade {
  socket: Duplex;
  /** Bytes that came with the request's head. */
  head: Buffer;
  /** The client has it by now: nothing of HTTP may come any more. */
  isTaken: boolean;
}

export const rawStream = "application/vnd.docker.raw-stream";

const largestJsonBytes = 4 << 20;

/** One request of the API, with what handlers need to read it and to answer. */
export class ApiRequest {
  readonly engine: OpenEngine;
  readonly params: Record<string, string>;
  readonly query: URLSearchParams;
  /** Minor number of the API version in use: 48 for 1.48. */
  readonly version: number;
  readonly input: IncomingMessage;
  readonly output: ServerResponse;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
  readonly #upgrade: Upgrade | undefined;

  constructor(options: {
    engine: OpenEngine;
    params: Record<string, string>;
    query: URLSearchParams;
    version: number;
    input: IncomingMessage;
    output: ServerResponse;
    signal: AbortSignal;
    upgrade?: Upgrade | undefined;
  }) {
    this.engine = options.engine;
    this.params = options.params;
    this.query = options.query;
    this.version = options.version;
    this.input = options.input;
    this.output = options.output;
    this.signal = options.signal;
    this.#upgrade = options.upgrade;
  }

  param(name: string): string {
    return this.params[name] ?? "";
  }

  text(name: string): string {
    return this.query.get(name) ?? "";
  }

  /** Docker's rule: anything but empty, 0, no, false and none is true. */
  flag(name: string, otherwise = false): boolean {
    const value = this.query.get(name);
    if (value === null) return otherwise;
    return !["", "0", "no", "false", "none"].includes(value.trim().toLowerCase());
  }

  /** @throws EngineError invalid */
  number(name: string): number | undefined {
    const value = this.query.get(name);
    if (value === null || value === "") return undefined;
    if (!/^-?\d+$/.test(value)) throw invalid(`strconv.Atoi: parsing "${value}": invalid syntax`);
    return Number(value);
  }

  /** @param allowed any, when absent */
  filters(allowed?: readonly string[]): Filters {
    return parseFilters(this.query.get("filters"), allowed);
  }

  /**
   * The body as `shape` reads it; an absent one is all zero.
   * @param options.root name of the struct that messages show
   * @throws EngineError invalid in Docker's words
   */
  async body<T>(shape: Shape<T>, options: { root?: string; isRequired?: boolean } = {}): Promise<T> {
    const { root = shape.type.replace(/^.*\./, ""), isRequired = false } = options;
    const bytes = await this.#body().then((body) =>
      body.length === 0 && this.#upgrade ? this.#upgradeBody() : body,
    );
    checkContentType(this.input.headers["content-type"], bytes.length > 0);
    if (bytes.length === 0 && isRequired) throw invalid("invalid JSON: got EOF while reading request body");
    return bytes.length === 0 ? shape.zero() : readBody(shape, bytes.toString(), root);
  }

  async #body(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    // A reader that gives up leaves the connection for the answer.
    for await (const chunk of this.input.iterator({ destroyOnReturn: false })) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > largestJsonBytes) throw invalid("the request's body is too large");
    }
    return Buffer.concat(chunks);
  }

  /** Where the connection may be taken over, the request's body can be in what follows the head. */
  async #upgradeBody(): Promise<Buffer> {
    const upgrade = this.#upgrade!;
    const length = Math.min(Number(this.input.headers["content-length"] ?? 0), largestJsonBytes);
    while (upgrade.head.length < length) {
      const chunk: Buffer | null = upgrade.socket.read();
      if (chunk) upgrade.head = Buffer.concat([upgrade.head, chunk]);
      else if (upgrade.socket.readableEnded || upgrade.socket.destroyed)
        throw invalid("the request's body is cut short");
      else await new Promise((resolve) => upgrade.socket.once("readable", resolve).once("end", resolve));
    }
    const body = upgrade.head.subarray(0, length);
    upgrade.head = upgrade.head.subarray(length);
    return body;
  }

  /** As `readUpload`. */
  upload(patience?: number): Readable {
    return readUpload(this.input, patience);
  }

  /**
   * Turns the connection into a raw stream (Docker Engine API, "Hijacking"): both ways, whether the client has asked for an
   * upgrade or not. Only one that sends its input as a body in chunks is answered with a body.
   * @param contentType for a client that has asked for an upgrade; others know one only
   */
  hijack(contentType: string): Duplex {
    if (!this.#upgrade) {
      this.output.writeHead(200, { "Content-Type": rawStream, Connection: "close" });
      this.output.flushHeaders();
      endBeforeBody(this.input, this.output);
      closeWithClient(this.input.socket, this.input);
      const pair: unknown = { readable: this.input, writable: this.output };
      // A client may leave before there is anything that listens for it.
      return Duplex.from(pair as NodeJS.ReadableStream).on("error", () => {});
    }
    return this.#take(
      this.#upgrade,
      this.isUpgrade
        ? ["HTTP/1.1 101 UPGRADED", `Content-Type: ${contentType}`, "Connection: Upgrade", "Upgrade: tcp"]
        : ["HTTP/1.1 200 OK", `Content-Type: ${rawStream}`],
    );
  }

  #take(upgrade: Upgrade, lines: readonly string[]): Duplex {
    const { socket, head } = upgrade;
    upgrade.isTaken = true;
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    if (head.length > 0) socket.unshift(head);
    return socket;
  }

  /**
   * Gives the connection to another protocol that the client has asked for.
   * @throws EngineError invalid, in Docker's words, when it has asked for none or another
   */
  upgradeTo(protocol: string): Duplex {
    const asked = this.input.headers.upgrade;
    if (!this.#upgrade || !asked) throw invalid("no upgrade proto in request");
    if (asked !== protocol) throw invalid(`protocol ${asked} not supported`);
    const lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade", `Upgrade: ${protocol}`];
    return this.#take(this.#upgrade, lines);
  }

  /** @throws EngineError invalid for a client that does not ask for a WebSocket, or for one of another version */
  checkWebSocket(): void {
    const { upgrade = "", "sec-websocket-version": version, "sec-websocket-key": key } = this.input.headers;
    if (!this.#upgrade || upgrade.toLowerCase() !== "websocket" || !key)
      throw invalid("not websocket protocol");
    if (version !== "13") throw invalid("missing or bad WebSocket Version");
  }

  /** Call `checkWebSocket` before. What comes and goes then is the protocol's frames. */
  hijackWebSocket(): Duplex {
    const accept = acceptWebSocketKey(this.input.headers["sec-websocket-key"] ?? "");
    return this.#take(this.#upgrade!, [
      "HTTP/1.1 101 Switching Protocols",
      "Upgrade: websocket",
      "Connection: Upgrade",
      `Sec-WebSocket-Accept: ${accept}`,
    ]);
  }

  get isHijacked(): boolean {
    return this.#upgrade?.isTaken ?? this.output.headersSent;
  }

  /** The client has asked for an upgrade. */
  get isUpgrade(): boolean {
    return "upgrade" in this.input.headers;
  }

  /** Starts an answer whose body is written bit by bit. */
  stream(contentType: string, headers: Record<string, string> = {}): ServerResponse {
    this.output.writeHead(200, { "Content-Type": contentType, ...headers });
    this.output.flushHeaders();
    return this.output;
  }

  /** Answers with the bytes of `source`, and closes it. A client that leaves is not an error. @throws what `source` throws */
  async send(
    contentType: string,
    source: AsyncIterable<Uint8Array>,
    headers: Record<string, string> = {},
  ): Promise<undefined> {
    if (!(await sendTo(this.stream(contentType, headers), source))) this.output.destroy();
  }
}

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const created = (body: unknown): Reply => ({ status: 201, body });
export const noContent: Reply = { status: 204 };
export const notModified: Reply = { status: 304 };
