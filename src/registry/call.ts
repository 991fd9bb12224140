import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { type Digest, isDigest } from "../formats/digest.ts";
import type { Blobs } from "./blobs.ts";
import { RegistryError } from "./errors.ts";
import { checkName } from "./layout.ts";
import type { Manifests } from "./manifests.ts";
import type { Storage } from "./storage.ts";
import type { Uploads } from "./uploads.ts";

/** The rooms of a registry. */
export interface Rooms {
  storage: Storage;
  blobs: Blobs;
  uploads: Uploads;
  manifests: Manifests;
  /** In order. @throws RegistryError NAME_UNKNOWN */
  listTags(name: string): Promise<string[]>;
  /** Address of the registry that this one mirrors, to which it leaves all pushes. */
  upstream?: string;
}

/** An answer to send. */
export interface RegistryReply {
  status: number;
  headers?: Record<string, string | number>;
  /** Left out of the answer to HEAD. A stream comes with its Content-Length in `headers`. */
  body?: string | Buffer | (() => Promise<Readable>);
}

export type RegistryHandler = (call: RegistryCall) => Promise<RegistryReply>;

/** One request. */
export class RegistryCall {
  readonly rooms: Rooms;
  readonly input: IncomingMessage;
  readonly query: URLSearchParams;
  readonly #params: Record<string, string>;

  constructor(rooms: Rooms, input: IncomingMessage, params: Record<string, string>) {
    this.rooms = rooms;
    this.input = input;
    this.query = new URL(input.url ?? "/", "http://registry").searchParams;
    this.#params = params;
  }

  param(name: string): string {
    return this.#params[name] ?? "";
  }

  /** The request's bytes. A handler that does not read them to the end can still answer. */
  get body(): AsyncIterable<Uint8Array> {
    return this.input.iterator({ destroyOnReturn: false });
  }

  /** The repository. @throws RegistryError NAME_INVALID */
  get name(): string {
    return checkName(this.param("name"));
  }

  /** @throws RegistryError DIGEST_INVALID */
  digest(text = this.param("digest")): Digest {
    if (isDigest(text)) return text;
    throw new RegistryError(
      "DIGEST_INVALID",
      `invalid digest ${JSON.stringify(text.slice(0, 200))}: want sha256: and 64 hexadecimal digits`,
    );
  }

  header(name: string): string | undefined {
    const value = this.input.headers[name];
    return typeof value === "string" ? value : undefined;
  }
}
