import { availableParallelism } from "node:os";
import { conflict } from "../../errors.ts";
import { BuildError, locateError } from "../build-error.ts";
import type { CacheRecord } from "../cache/record.ts";
import { chainBelow } from "../cache/step-cache.ts";
import { type CopyNode, digestOfNode, inputsOf, type Node, nodesOf } from "../graph/nodes.ts";
import { inputsBesideBase, isLinked, isStep, type Step } from "../graph/steps.ts";
import { type Reporter, reportCached, reportWork } from "../progress.ts";
import { takeStep } from "../remote-cache/take-step.ts";
import { createDefinitions, type Definitions } from "./definitions.ts";
import { receiveDirectory } from "./directories.ts";
import { findUnfetched, noteUnfetched } from "./find-unfetched.ts";
import { fetchGitNode } from "./git-tree.ts";
import { listSteps } from "./list-steps.ts";
import { placeStep } from "./place-step.ts";
import { shareStep } from "./shared-step.ts";
import { type Outcome, type Solver, type Solving, vertexOf } from "./solving.ts";
import { keyOfStep } from "./step-keys.ts";
import { findInHistory } from "./take-history-layer.ts";
import { fetchNode } from "./web-files.ts";

export const parallelSteps = () => Math.max(4, availableParallelism() * 2);

/** Solves nodes, each once, with what it needs before it. */
export function createSolver(solving: Solving): Solver {
  const known = new Map<string, Promise<Outcome>>();
  const solver: Solver = {
    solve(node) {
      const digest = digestOfNode(node);
      const started = known.get(digest) ?? solveNode(solving, solver, definitions, node);
      known.set(digest, started);
      return started;
    },
    async layersOf(node, part = "") {
      const outcome = await solver.solve(node);
      if (outcome.kind === "layers") return outcome.layers;
      const copied = await solver.solve(copyOf(node, part));
      if (copied.kind !== "layers") throw conflict("a copy has no layers");
      return copied.layers;
    },
    async imageOf(node) {
      const layers = await solver.layersOf(node);
      const times = await stepTimes(solver, node);
      return { layers, ...(times.length > 0 && { createdAt: Math.max(...times) }) };
    },
    isBegun: (node) => known.has(digestOfNode(node)),
    stepsOf: (node, all) => listSteps({ solving, solver, definitions, known }, node, all),
  };
  const definitions = createDefinitions(solving, solver);
  return solver;
}

/** Of a step and of those that it stands on. */
async function stepTimes(solver: Solver, last: Node): Promise<number[]> {
  const times: number[] = [];
  for (let node: Node | undefined = last; node; node = "base" in node ? node.base : undefined) {
    const outcome = await solver.solve(node);
    if (outcome.kind === "layers" && outcome.record) times.push(outcome.record.createdAt);
  }
  return times;
}

/** What a step mounts of a tree becomes a layer, in which it has its place. */
function copyOf(from: Node, part: string): CopyNode {
  return {
    kind: "copy",
    name: "",
    base: { kind: "scratch", name: "" },
    parts: [{ from, selections: [{ pattern: part, hasWildcards: false }], unpack: "never" }],
    destination: `/${part}`,
    exclude: [],
    parents: false,
  };
}

async function solveNode(
  solving: Solving,
  solver: Solver,
  definitions: Definitions,
  node: Node,
): Promise<Outcome> {
  const { report } = solving;
  switch (node.kind) {
    case "scratch":
      return { kind: "layers", layers: [] };
    case "image":
      reportCached(report, vertexOf(node));
      return { kind: "layers", layers: node.layers };
    case "inline":
      return { kind: "tree", source: { kind: "inline", files: node.files } };
    case "directory":
      return receiveDirectory(solving, node);
    case "tree":
      return { kind: "tree", source: node.source };
    case "http":
      return fetchNode(solving, node);
    case "git":
      return fetchGitNode(solving, node);
    default:
      return solveStep(solving, solver, definitions, node);
  }
}

async function solveStep(
  solving: Solving,
  solver: Solver,
  definitions: Definitions,
  node: Step,
): Promise<Outcome> {
  const without = await findWithoutSources(solving, solver, definitions, node);
  if (without) return without;
  const unfetched = await findUnfetched(solving, solver, node);
  if (unfetched) return useCached(solving, node, unfetched);
  await Promise.all(inputsOf(node).map((input) => solver.solve(input)));
  const { rooms, signal, file } = solving;
  const report: Reporter = node.name === "" ? () => {} : solving.report;
  const vertex = vertexOf(node);
  try {
    const layers = await solver.layersOf(node.base);
    const key = await keyOfStep(solving, solver, node, layers).catch((error: unknown) => {
      throw reportFailure(report, vertex, error);
    });
    const cached = node.ignoresCache ? undefined : await findStep(solving, node, key, layers);
    if (cached) noteUnfetched(solving, node, cached);
    if (cached) return useCached(solving, node, cached);
    signal.throwIfAborted();
    const record = await reportWork(report, vertex, () =>
      shareStep(solving, solver, { node, key, layers, report }),
    );
    solving.onClose(rooms.cache.use(record));
    noteUnfetched(solving, node, record);
    return { kind: "layers", layers: record.layers, record };
  } catch (error) {
    const located = locateError(error, file, node.range);
    throw located.vertex === undefined ? withVertex(located, vertex.digest) : located;
  }
}

function withVertex(error: BuildError, vertex: string): BuildError {
  const { file, ranges, exitCode } = error;
  return new BuildError(error.message, {
    file,
    ranges,
    vertex,
    ...(exitCode !== undefined && { exitCode }),
    cause: error.cause,
  });
}

/** A step whose key cannot be found out fails before it is begun. */
function reportFailure(report: Reporter, vertex: ReturnType<typeof vertexOf>, error: unknown): Error {
  const now = Date.now();
  const message = error instanceof Error ? error.message : String(error);
  report({ kind: "vertex", vertex: { ...vertex, started: now, completed: now, error: message } });
  return error instanceof Error ? error : new Error(message);
}

/** What a step has made, here or elsewhere. */
async function findStep(
  solving: Solving,
  node: Step,
  key: string,
  below: string[],
): Promise<CacheRecord | undefined> {
  const base = below.at(-1) ?? "";
  const here = solving.rooms.cache.find(key, base);
  const wanted = { key, below, isLinked: isLinked(node), name: node.name };
  if (here && chainBelow(here) === base) return here;
  const placed = here && wanted.isLinked && (await placeStep(solving, here, wanted));
  if (placed) return placed;
  for (const cache of (await solving.imports) ?? []) {
    const step = cache.find(key);
    const taken = step && (await takeStep(solving, step, wanted));
    if (taken) return taken;
  }
  return findInHistory(solving, node, wanted);
}

function useCached(solving: Solving, node: Step, record: CacheRecord): Outcome {
  solving.onClose(solving.rooms.cache.use(record));
  if (node.name !== "") reportCached(solving.report, vertexOf(node));
  return { kind: "layers", layers: record.layers, record };
}

/** Where a build has caches from elsewhere: what it takes of another stage may be there, and that stage not. */
async function findWithoutSources(
  solving: Solving,
  solver: Solver,
  definitions: Definitions,
  node: Step,
): Promise<Outcome | undefined> {
  if (!solving.imports || node.ignoresCache) return undefined;
  const caches = await solving.imports;
  const key = await definitions.keyOf(node);
  const isKnown = (one: string) =>
    caches.some((cache) => cache.find(one)) || solving.rooms.cache.find(one, "") !== undefined;
  if (key === undefined || !isKnown(key)) return undefined;
  const below = await solver.layersOf(node.base);
  const found = await findStep(solving, node, key, below);
  if (!found) return undefined;
  const skipped = new Set(inputsBesideBase(node).flatMap(nodesOf));
  for (const one of skipped)
    if ((isStep(one) || one.kind === "image") && one.name !== "" && !solver.isBegun(one))
      reportCached(solving.report, vertexOf(one));
  return useCached(solving, node, found);
}
