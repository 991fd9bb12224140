import type { IncomingMessage, ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import type { Engine } from "../engine/engine.ts";
import { invalid, messageOf } from "../errors.ts";
import { type Filters, parseFilters } from "../formats/filters.ts";

/** An answer to send; a handler that has written to `output` itself gives none. */
export interface Reply {
  status: number;
  /** Sent as JSON; a string as plain text. */
  body?: unknown;
  headers?: Record<string, string>;
}

export type Handler = (request: ApiRequest) => Promise<Reply | undefined> | Reply | undefined;

/** A client that asked for its connection to be turned into a raw stream. */
export interface Upgrade {
  socket: Duplex;
  /** Bytes that came with the request's head. */
  head: Buffer;
}

const largestJsonBytes = 16 << 20;

/** One request of the API, with what handlers need to read it and to answer. */
export class ApiRequest {
  readonly engine: Engine;
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
    engine: Engine;
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

  filters(allowed: readonly string[]): Filters {
    return parseFilters(this.query.get("filters"), allowed);
  }

  /** The body as a JSON object; an absent one is an empty object. @throws EngineError invalid */
  async json(): Promise<Record<string, unknown>> {
    const bytes = await this.#body().then((body) =>
      body.length === 0 && this.#upgrade ? this.#upgradeBody() : body,
    );
    if (bytes.length === 0) return {};
    const type = this.input.headers["content-type"]?.split(";")[0]?.trim();
    if (type !== undefined && type !== "application/json") {
      throw invalid(`unsupported Content-Type header (${type}): must be 'application/json'`);
    }
    try {
      const value: unknown = JSON.parse(bytes.toString());
      if (value === null) return {};
      if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
    } catch (error) {
      throw invalid(`invalid JSON: ${messageOf(error)}`, error);
    }
    throw invalid("invalid JSON: the body is not an object");
  }

  async #body(): Promise<Buffer> {
    const chunks: Buffer[] = [];
    let length = 0;
    for await (const chunk of this.input) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > largestJsonBytes) throw invalid("the request's body is too large");
    }
    return Buffer.concat(chunks);
  }

  /** With an upgrade, Node before 25 leaves the request's body in what follows the head. */
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

  /**
   * Turns the connection into a raw stream (Docker Engine API, "Hijacking"). With an upgrade header both ways; without one
   * the request's body is the input and the answer's body the output.
   */
  hijack(contentType: string): Duplex {
    if (!this.#upgrade) {
      this.output.writeHead(200, { "Content-Type": contentType, Connection: "close" });
      this.output.flushHeaders();
      const pair: unknown = { readable: this.input, writable: this.output };
      return Duplex.from(pair as NodeJS.ReadableStream);
    }
    const { socket, head } = this.#upgrade;
    const lines = [
      "HTTP/1.1 101 UPGRADED",
      `Content-Type: ${contentType}`,
      "Connection: Upgrade",
      "Upgrade: tcp",
    ];
    socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    if (head.length > 0) socket.unshift(head);
    return socket;
  }

  get isUpgrade(): boolean {
    return this.#upgrade !== undefined;
  }

  /** Starts an answer whose body is written bit by bit. */
  stream(contentType: string, headers: Record<string, string> = {}): ServerResponse {
    this.output.writeHead(200, { "Content-Type": contentType, ...headers });
    this.output.flushHeaders();
    return this.output;
  }
}

export const ok = (body: unknown): Reply => ({ status: 200, body });
export const created = (body: unknown): Reply => ({ status: 201, body });
export const noContent: Reply = { status: 204 };
export const notModified: Reply = { status: 304 };
