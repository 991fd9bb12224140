import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { RegistryAuth } from "../../formats/registry-auth.ts";
import type { JobRunner } from "../../sys/jobs.ts";
import type { SharedWork } from "../../sys/shared-work.ts";
import type { Slots } from "../../sys/slots.ts";
import type { CacheMounts } from "../cache/cache-mounts.ts";
import type { CacheRecord } from "../cache/record.ts";
import type { StepCache } from "../cache/step-cache.ts";
import type { ClientSession } from "../client-session.ts";
import type { ContextStore } from "../context/context-store.ts";
import type { Folders } from "../context/folders.ts";
import { digestOfNode, inputsOf, type Node } from "../graph/nodes.ts";
import type { Reporter, SourceFile } from "../progress.ts";
import type { ExportedStep } from "../remote-cache/exported-step.ts";
import type { HistoryCache } from "../remote-cache/history-cache.ts";
import type { ImportedCache } from "../remote-cache/read-cache.ts";
import type { BuildRooms } from "../rooms.ts";
import type { SourceRef } from "./copy-action.ts";
import type { FetchRequest } from "./fetch-file.ts";
import type { FilesJob, FilesResult } from "./files.worker.ts";
import type { StepProcesses } from "./processes.ts";
import type { StepCaches } from "./step-caches.ts";

/** What all builds share. */
export interface SolveRooms extends BuildRooms {
  cache: StepCache;
  cacheMounts: CacheMounts;
  contexts: ContextStore;
  folders: Folders;
  files: JobRunner<FilesJob, FilesResult>;
  /** Files of the web. They wait for their servers, and nothing else waits with them. */
  fetches: JobRunner<FetchRequest, string>;
  processes: StepProcesses;
  /** Steps at a time, of all builds. */
  slots: Slots;
  underWay: SharedWork<Followers, CacheRecord>;
  /** Steps that are being done. */
  running: Set<Promise<unknown>>;
  /** Give up builds that are not over. */
  closers: Set<() => void>;
  /** Snapshots of steps and builds that are not over. */
  live: Set<string>;
  onBuildOver(): void;
  /** Steps that have been begun, and what their snapshots are called. */
  begun: { add(id: string, snapshot: string): void; delete(id: string): void };
}

/** The builds that a step's output goes to. */
export type Followers = Set<(log: StepLog) => void>;
export interface StepLog {
  stream: "stdout" | "stderr";
  data: Buffer;
}

/** One build, as far as its steps need it. */
export interface Solving {
  rooms: SolveRooms;
  report: Reporter;
  signal: AbortSignal;
  file: SourceFile | undefined;
  session(id: string): Promise<ClientSession>;
  /** The client's login at a registry; undefined when it has none. @param domain of a reference */
  findCredentials(domain: string): Promise<RegistryAuth | undefined>;
  /** What was made elsewhere; undefined for a build that asks for none. Never rejected. */
  imports?: Promise<readonly ImportedCache[]>;
  /** Images whose history serves as a cache; undefined for a build that asks for none. */
  history?: HistoryCache;
  /** Repositories and files of the web that have been fetched for it. */
  fetched: FetchedSource[];
  /** Called when the build is over, and at once when it is. */
  onClose(work: () => void): void;
  /** Puts off what `onClose` was given until the function that it gives is called: another build may want the same step. */
  hold(): () => void;
}

/** What was fetched, by its address without credentials. */
export interface FetchedSource {
  uri: string;
  digest: { sha1: string } | { sha256: string };
}

/** What a node comes to. */
export type Outcome =
  /** chainIDs, base first. `record` of the cache, for a step. */
  { kind: "layers"; layers: string[]; record?: CacheRecord } | { kind: "tree"; source: SourceRef };

export interface Solver {
  /** @throws BuildError */
  solve(node: Node): Promise<Outcome>;
  /** Whether it is being solved, or has been. */
  isBegun(node: Node): boolean;
  /** As layers, whatever it is. @param part of a tree that is none: the path that is wanted of it */
  layersOf(node: Node, part?: string): Promise<string[]>;
  /** Layers that become an image. */
  imageOf(node: Node): Promise<SolvedImage>;
  /**
   * What a node was made by, for a cache that is to be written elsewhere. Nothing is done for it.
   * @param all also the steps of other stages
   */
  stepsOf(node: Node, all: boolean): Promise<ExportedStep[]>;
}

export interface SolvedImage {
  /** chainIDs, base first. */
  layers: string[];
  /** When its newest step was done, in this build or an earlier one; undefined without steps. */
  createdAt?: number;
}

export interface StepWork {
  /** Of the base. */
  layers: string[];
  key: string;
  tell(log: StepLog): void;
  /** Gives another step its turn before this one is over. */
  freeSlot(): void;
  /** Those that had to be waited for. */
  caches: StepCaches;
}

export function vertexOf(node: Node): { digest: string; inputs: string[]; name: string } {
  const shown = (one: Node): Node[] => (one.name === "" ? inputsOf(one).flatMap(shown) : [one]);
  return {
    digest: digestOfNode(node),
    inputs: inputsOf(node).flatMap(shown).map(digestOfNode),
    name: node.name,
  };
}

/** For the mounts of one job. */
export function mountpointsOf({ execRoot }: BuildRooms, id: string): { target: string; source: string } {
  const folder = join(execRoot, "build", id);
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  return { target: join(folder, "target"), source: join(folder, "source") };
}
