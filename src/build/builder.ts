import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { CallAnswer } from "../dockerfile/answers.ts";
import { forbidden } from "../errors.ts";
import type { Finding } from "../finding.ts";
import type { Descriptor } from "../formats/oci-manifest.ts";
import type { Exit } from "../supervisor-protocol/protocol.ts";
import { createJobRunner } from "../sys/jobs.ts";
import { createSharedWork } from "../sys/shared-work.ts";
import { createSlots } from "../sys/slots.ts";
import { type CacheMounts, openCacheMounts } from "./cache/cache-mounts.ts";
import { type BuildGarbage, readGarbageRules, startBuildGarbage } from "./cache/garbage.ts";
import { createMountTransfers, type MountTransfers } from "./cache/mount-transfers.ts";
import { pruneCache } from "./cache/prune.ts";
import type { PruneRequest } from "./cache/prune-request.ts";
import { type CacheRecord, stepKind } from "./cache/record.ts";
import { openStepCache, type StepCache } from "./cache/step-cache.ts";
import { listUsage, type UsageRecord } from "./cache/usage.ts";
import { checkBuilder } from "./check.ts";
import { type ContextStore, openContextStore } from "./context/context-store.ts";
import { type Folder, openFolders, type PackOrder } from "./context/folders.ts";
import { countBuild } from "./count-build.ts";
import type { FileStatement } from "./export/statement-file.ts";
import { type FetchedTree, fetchTree } from "./fetch-tree.ts";
import { answerCall } from "./frontend/answer.ts";
import { keepSnapshot } from "./frontend/find-image.ts";
import { type PreparedBuild, prepareBuild } from "./frontend/frontend.ts";
import type { ClientInputs, PlannedImage } from "./frontend/planned-image.ts";
import type { GitNode, HttpNode } from "./graph/nodes.ts";
import { openSolving, type SolvingRequest } from "./open-solving.ts";
import type { BuildOptions } from "./options.ts";
import type { CacheExport, CacheOrder } from "./remote-cache/cache-orders.ts";
import { exportCache } from "./remote-cache/export-cache.ts";
import type { ExportedStep } from "./remote-cache/exported-step.ts";
import { openHistoryCache } from "./remote-cache/history-cache.ts";
import { importCaches } from "./remote-cache/import-caches.ts";
import { restoreSteps } from "./restore.ts";
import type { BuilderSettings, BuildRooms } from "./rooms.ts";
import type { FilesJob, FilesResult } from "./solve/files.worker.ts";
import { createStepProcesses, type StepProcesses } from "./solve/processes.ts";
import { createSolver, parallelSteps } from "./solve/solve.ts";
import type { FetchedSource, Followers, SolvedImage, SolveRooms, Solving } from "./solve/solving.ts";
import { lowerDirectoriesOf } from "./solve/step-layer.ts";
import { startFetches } from "./solve/web-files.ts";

/** What a client asks of one build. */
export interface BuildRequest extends ClientInputs, SolvingRequest {
  options: BuildOptions;
  /** Caches from elsewhere. */
  imports?: readonly CacheOrder[];
  /** Names of images whose history serves as a cache; one that is not here is passed over, as Docker's classic builder does. */
  cacheImages?: readonly string[];
}

/** A build from its Dockerfile on. */
export interface Build {
  readonly prepared: PreparedBuild;
  readonly options: BuildOptions;
  /** What has been fetched for it so far. */
  readonly fetched: readonly FetchedSource[];
  /** Does what an image needs. @returns its layers, which stay until `close` @throws BuildError */
  solve(image: PlannedImage): Promise<SolvedImage>;
  /** What layers show, as files for this build alone. */
  flatten(layers: readonly string[]): Promise<Folder>;
  /** What is said of the same, with the digest of each file. */
  state(layers: readonly string[], statement: FileStatement): Promise<Folder>;
  /** The same as an archive, without an end. */
  pack(layers: readonly string[], order: PackOrder): Promise<Folder>;
  /**
   * Layers like an image's, in which nothing of its own was changed later than that. They stay until `close`.
   * @throws what `close`, or the request's signal, gives as its reason
   */
  rewriteTimes(image: PlannedImage, layers: readonly string[], latestSeconds: number): Promise<string[]>;
  /** What an image was made by. @param all also the steps of other stages */
  stepsOf(image: PlannedImage, all: boolean): Promise<ExportedStep[]>;
  /** Writes a cache of steps. @returns its manifest @throws EngineError */
  exportCache(order: CacheExport, steps: readonly ExportedStep[]): Promise<Descriptor>;
  /** Gives up what is under way, and lets go of what was needed. */
  close(): void;
}

/** The builder of images. */
export interface Builder {
  /** Reads the Dockerfile, and finds out what is to be done. @throws BuildError */
  prepare(request: BuildRequest): Promise<Build>;
  /** Answers what is asked of the Dockerfile instead of a build (`options.call`). @throws BuildError */
  answer(request: BuildRequest): Promise<CallAnswer>;
  readonly cache: StepCache;
  readonly cacheMounts: CacheMounts;
  readonly mountTransfers: MountTransfers;
  readonly contexts: ContextStore;
  /** Fetches a repository or a file of the web, for a client that looks into it itself. @throws EngineError */
  fetch(request: SolvingRequest, node: HttpNode | GitNode): Promise<FetchedTree>;
  /** What the cache holds. @param filters as BuildKit's clients write them: "type==regular,inuse" @throws invalid */
  usage(filters: readonly string[]): Promise<UsageRecord[]>;
  /** The rules by which the cache is cleared by itself. */
  garbageRules(): Promise<readonly PruneRequest[]>;
  /** The rules by which the cache is cleared are new. */
  onSettings(): void;
  /** What a client may allow its build. @throws EngineError forbidden in BuildKit's words */
  checkEntitlements(wanted: readonly string[]): void;
  /** Removes what is not in use, oldest first. @returns what is gone @throws invalid */
  prune(request: PruneRequest): Promise<UsageRecord[]>;
  /** @returns whether it was a step's */
  onExit(exit: Exit): boolean;
  /** The commands of steps that run are given up: their ends are not reported any more. */
  onSupervisorLost(): void;
  /** Clears away what a daemon that was killed has left. Call it once, when there is a supervisor. */
  restore(): Promise<void>;
  /** Commands of steps, by which supervisor, runtime and networks know them. */
  readonly processes: Pick<StepProcesses, "ids" | "sandboxOwners">;
  /** What is not as the records say. */
  check(): Promise<Finding[]>;
  /** Gives up the builds that are not over, and waits until nothing of their steps runs. */
  close(): Promise<void>;
}

/** Opens the builder on its folder of the data root. */
export function openBuilder(given: BuildRooms): Builder {
  const root = join(given.root, "build");
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const steps = given.state.records(stepKind);
  const left = [...steps.load().values()];
  const files = createJobRunner<FilesJob, FilesResult>("build/solve/files.worker", parallelSteps());
  const cacheMounts = openCacheMounts(
    join(root, "mounts"),
    given.state,
    async (layers, source, target, signal) => {
      await files.run({ kind: "fill", mountpoint: `${target}.from`, layers, source, target }, signal);
    },
  );
  const rooms: SolveRooms = {
    ...given,
    cache: openStepCache(given.state, given.images.snapshots),
    cacheMounts,
    contexts: openContextStore(join(root, "contexts")),
    folders: openFolders(join(root, "folders"), files),
    files,
    fetches: startFetches(),
    processes: createStepProcesses(),
    slots: createSlots(parallelSteps),
    underWay: createSharedWork<Followers, CacheRecord>(),
    running: new Set(),
    closers: new Set(),
    onBuildOver: () => garbage.wake(),
    live: new Set(),
    begun: {
      add: (id, snapshot) => steps.put(id, { id, snapshot }),
      delete: (id) => steps.deleteSoon(id),
    },
  };
  const garbage: BuildGarbage = startBuildGarbage(rooms);
  const mountTransfers = createMountTransfers(cacheMounts);
  return {
    prepare: (request) => countBuild(given.metrics, request.signal, () => prepare(rooms, request)),
    answer: (request) => answer(rooms, request),
    fetch: (request, node) => fetchTree(rooms, request, node),
    cache: rooms.cache,
    cacheMounts,
    mountTransfers,
    contexts: rooms.contexts,
    usage: (filters) => listUsage(rooms, filters),
    prune: (request) => pruneCache(rooms, request),
    garbageRules: () => readGarbageRules(rooms),
    onSettings: () => garbage.wake(),
    checkEntitlements: (wanted) => checkEntitlements(given.settings(), wanted),
    onExit: rooms.processes.onExit,
    onSupervisorLost: rooms.processes.lose,
    async restore() {
      clearRunFiles(given.execRoot);
      await restoreSteps(rooms, left, (id) => steps.delete(id));
      garbage.wake();
    },
    processes: rooms.processes,
    check: () => checkBuilder(rooms),
    async close() {
      for (const close of rooms.closers) close();
      await Promise.allSettled(rooms.running);
      await garbage.close();
      await mountTransfers.close();
      await Promise.all([files.close(), rooms.fetches.close(), rooms.contexts.close()]);
    },
  };
}

function checkEntitlements({ entitlements }: BuilderSettings, wanted: readonly string[]): void {
  for (const one of wanted)
    if (!entitlements.includes(one.replace(/^(device)=.*/s, "$1")))
      throw forbidden(`granting entitlement ${one} is not allowed by build daemon configuration`);
}

/** What was bound or mounted there has gone with the daemon that was killed. */
function clearRunFiles(execRoot: string): void {
  const folder = join(execRoot, "build");
  mkdirSync(folder, { recursive: true });
  // A command may make its /etc/hosts a program that runs as root.
  chmodSync(folder, 0o700);
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
}

async function answer(rooms: SolveRooms, request: BuildRequest): Promise<CallAnswer> {
  const { options, sessionId } = request;
  const { solving, close } = openSolving(rooms, request);
  try {
    return await answerCall(solving, options, sessionId, request);
  } finally {
    close();
  }
}

/** A build that is closed meanwhile lets go of them afterwards. */
async function rewriteTimes(
  solving: Solving,
  image: PlannedImage,
  layers: readonly string[],
  latestSeconds: number,
): Promise<string[]> {
  const order = { own: layers.length - (image.base?.layers.length ?? 0), latestSeconds };
  const { layerBlobs } = solving.rooms.images;
  const release = solving.hold();
  const work = keepSnapshot(solving, (name) => layerBlobs.rewriteTimes(name, layers, order, solving.signal));
  const { running } = solving.rooms;
  const done = work.finally(() => {
    running.delete(done);
    release();
  });
  running.add(done);
  return done;
}

async function prepare(rooms: SolveRooms, request: BuildRequest): Promise<Build> {
  const { options, sessionId } = request;
  const { solving, close } = openSolving(rooms, request);
  try {
    const imports = request.imports?.length ? importCaches(solving, request.imports) : undefined;
    const prepared = await prepareBuild(solving, options, sessionId, request);
    const history = openHistoryCache(rooms, request.cacheImages ?? [], prepared.plans);
    const solver = createSolver({
      ...{ ...solving, file: prepared.file },
      ...(imports && { imports }),
      ...(history && { history }),
    });
    const directories = (layers: readonly string[]) =>
      lowerDirectoriesOf(rooms, rooms.images.layerDirectories(layers));
    return {
      ...{ prepared, options, close, fetched: solving.fetched },
      flatten: (layers) => rooms.folders.flatten(directories(layers), solving.signal),
      state: (layers, statement) => rooms.folders.state(directories(layers), statement, solving.signal),
      pack: (layers, order) => rooms.folders.pack(directories(layers), order, solving.signal),
      rewriteTimes: (image, layers, latestSeconds) => rewriteTimes(solving, image, layers, latestSeconds),
      solve: (image) => solver.imageOf(image.target),
      stepsOf: (image, all) => solver.stepsOf(image.target, all),
      exportCache: (order, steps) => exportCache(solving, order, steps),
    };
  } catch (error) {
    close();
    throw error;
  }
}
