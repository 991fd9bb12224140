import type { Duplex } from "node:stream";
import type { Digest } from "../formats/digest.ts";
import type { RegistryAuth } from "../formats/registry-auth.ts";
import type { ContextEntry } from "./context/entry.ts";

/** What of a directory is wanted. */
export interface DirectoryRequest {
  /** "context", "dockerfile", or the name of another context. */
  name: string;
  /** These paths alone, with all that they lead to; all without. */
  followPaths?: readonly string[];
  includePatterns?: readonly string[];
  /** As lines of a .dockerignore. */
  excludePatterns?: readonly string[];
}

/** Takes in the entries of a client's directory. Entries have numbers, counted from 0 in the order in which they come. */
export interface DirectoryVisitor {
  /** Parents come first, siblings in order. @returns whether the content of the file is wanted. @throws EngineError invalid */
  entry(entry: ContextEntry): boolean;
  /** In pieces, in order; files may come interleaved. The next one waits for what it gives. */
  data(number: number, piece: Buffer): Promise<void> | undefined;
  /** The content of a file that was wanted is whole. */
  end(number: number): Promise<void> | undefined;
}

/** What the client of a build gives to it while it runs. */
export interface ClientSession {
  readonly id: string;
  /** Names the client's directories over several builds; "" for none. */
  readonly sharedKey: string;
  /** @throws EngineError; GrpcError for a directory that the client does not give */
  readDirectory(request: DirectoryRequest, visitor: DirectoryVisitor, signal: AbortSignal): Promise<void>;
  /** Undefined when the client has none by that name. */
  findSecret(id: string): Promise<Buffer | undefined>;
  /** A connection to the client's agent. @throws EngineError when it gives none */
  openAgent(id: string): Promise<Duplex>;
  /** Whether the client gives that agent. */
  hasAgent(id: string): Promise<boolean>;
  /** What the client sends once under this name: the archive on its standard input. */
  upload(id: string): AsyncIterable<Buffer>;
  /** Undefined when it has none for that registry. @param domain of a reference */
  findCredentials(domain: string): Promise<RegistryAuth | undefined>;
  /** Sends a directory's entries to the client's exporter. */
  sendFiles(exporter: number, entries: AsyncIterable<OutgoingEntry>): Promise<void>;
  /** Sends an archive to the client's exporter. */
  sendArchive(
    exporter: number,
    chunks: AsyncIterable<Buffer>,
    metadata: Record<string, string>,
  ): Promise<void>;
  /** Whether the client wants a shell where a step fails. */
  readonly takesFailedSteps: boolean;
  /** Offers a shell to the client, and waits until it has left those of other failed steps. @throws GrpcError when it declines */
  openFailedStep(failed: FailedStep, signal: AbortSignal): Promise<StepVisitor>;
  /** What the client keeps under a name of its own: "local:/path". @throws notImplemented by a client that gives none */
  content(store: string): ClientContent;
}

/** A step whose command has failed. */
export interface FailedStep {
  step: string;
  error: string;
  /** Its root file system has no shell: the client's is wanted. */
  needsShell: boolean;
}

/** A client's terminal, in which a shell runs where a step failed. */
export interface StepVisitor {
  /** Rows and columns. */
  size: readonly [number, number];
  /** A static busybox, where one was wanted. */
  shell: Buffer | undefined;
  /** Aborted when the client has gone. */
  gone: AbortSignal;
  /** Hands on what is typed, and each new size. */
  listen(onInput: (data: Buffer) => Promise<void>, onSize: (rows: number, columns: number) => void): void;
  /** Waits while the terminal is behind. */
  write(data: Buffer): Promise<void>;
  close(): void;
}

/** Blobs that a client keeps in a directory, by digest. */
export interface ClientContent {
  /** @throws EngineError; GrpcError when there is none */
  sizeOf(digest: Digest): Promise<number>;
  /** Its bytes, not yet compared with the digest. */
  read(digest: Digest): AsyncIterable<Buffer>;
  /** Silent when it is there already. */
  write(blob: { digest: Digest; sizeBytes: number }, chunks: AsyncIterable<Buffer>): Promise<void>;
}

/** An entry that goes to the client, with the content of a file. */
export interface OutgoingEntry {
  entry: ContextEntry;
  content?: () => AsyncIterable<Buffer>;
}
