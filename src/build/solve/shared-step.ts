import { randomUUID } from "node:crypto";
import type { CacheRecord } from "../cache/record.ts";
import type { RunNode } from "../graph/nodes.ts";
import type { Step } from "../graph/steps.ts";
import type { Reporter } from "../progress.ts";
import { Abandoned } from "./abandoned.ts";
import { executeCopy } from "./copy-step.ts";
import { executeRun, openWaitedCaches } from "./run-node.ts";
import {
  type Followers,
  type Solver,
  type Solving,
  type StepLog,
  type StepWork,
  vertexOf,
} from "./solving.ts";
import type { StepCaches } from "./step-caches.ts";
import { preferHistory } from "./take-history-layer.ts";
import { executeWorkdir } from "./workdir-step.ts";

const noCaches: StepCaches = { paths: new Map(), close: () => {} };

interface KeyedStep {
  node: Step;
  key: string;
  /** Of the base. */
  layers: string[];
  report: Reporter;
}

/**
 * Has a step done, once for all builds that want it at the same time. It is done with the means of the build that began it: when that one
 * has gone and the step fails for it, another that waits begins it again with its own.
 */
export async function shareStep(
  solving: Solving,
  solver: Solver,
  { node, key, layers, report }: KeyedStep,
): Promise<CacheRecord> {
  const { rooms, signal } = solving;
  if (node.kind === "run") await solveMountedTrees(solver, node);
  // A shell may be open for a long time where it fails, which is nothing to other builds.
  const isWatched = node.kind === "run" && (await wantsShell(solving));
  const name = nameOfWork(node, key, layers, isWatched);
  const nameAfresh = `${name} without cache`;
  const vertex = vertexOf(node).digest;
  const follow = ({ stream, data }: StepLog) => {
    // A command prints on until it has been killed, or for another build.
    if (!signal.aborted) report({ kind: "log", log: { vertex, at: Date.now(), stream, data } });
  };
  for (;;) {
    let hasBegun = false;
    const begin = (gone: AbortSignal) => {
      hasBegun = true;
      return beginStep(solving, solver, node, { key, layers, gone });
    };
    try {
      // As with BuildKit: what has begun already is a cache to a build that wants none, and the other way round it is none.
      const isAfresh = node.ignoresCache || rooms.underWay.has(nameAfresh);
      return await rooms.underWay.join(isAfresh ? nameAfresh : name, signal, begin, (followers) =>
        followers.add(follow),
      );
    } catch (error) {
      if (!(error instanceof Abandoned)) throw error;
      if (hasBegun) throw error.cause;
      signal.throwIfAborted();
    }
  }
}

/** What a command binds of trees that are no layers becomes one before the command takes its turn, as that is a step with a turn too. */
async function solveMountedTrees(solver: Solver, node: RunNode): Promise<void> {
  for (const mount of node.mounts)
    if ("from" in mount && mount.from) await solver.layersOf(mount.from, mount.source);
}

function beginStep(
  solving: Solving,
  solver: Solver,
  node: Step,
  { key, layers, gone }: { key: string; layers: string[]; gone: AbortSignal },
): { state: Followers; done: Promise<CacheRecord> } {
  const { rooms, signal } = solving;
  const followers: Followers = new Set();
  const tell = (log: StepLog) => {
    for (const one of followers) one(log);
  };
  // Its trees are this build's, and another may wait for it when this one is over.
  const release = solving.hold();
  const work = async () => {
    const own = { ...solving, signal: gone };
    let [caches, freeSlot] = [noCaches, () => {}];
    try {
      // Another step may have them for long, which is nothing to those that want none of them.
      if (node.kind === "run") caches = await openWaitedCaches(own, solver, node);
      freeSlot = await rooms.slots.take(gone);
      return await execute(own, solver, node, { layers, key, tell, freeSlot, caches });
    } catch (error) {
      throw signal.aborted ? new Abandoned(error) : error;
    } finally {
      freeSlot();
      caches.close();
    }
  };
  const done: Promise<CacheRecord> = work().finally(() => {
    rooms.running.delete(done);
    release();
  });
  rooms.running.add(done);
  return { state: followers, done };
}

async function execute(solving: Solving, solver: Solver, node: Step, work: StepWork): Promise<CacheRecord> {
  if (node.kind === "run") return executeRun(solving, solver, node, work);
  if (node.kind === "workdir") return executeWorkdir(solving, node, work);
  const made = await executeCopy(solving, solver, node, work);
  return preferHistory(solving, node, { key: work.key, below: work.layers }, made);
}

/** What builds share that want it at the same time. */
function nameOfWork(node: Step, key: string, layers: readonly string[], isWatched: boolean): string {
  // Of commands with other limits one may fail where the other does not.
  const limits = node.kind === "run" ? JSON.stringify(node.limits) : "";
  // The key of a linked step says nothing of what it stands on, and its layers do.
  return `${key} ${layers.at(-1) ?? ""} ${limits}${isWatched ? ` ${randomUUID()}` : ""}`;
}

const wantsShell = ({ session }: Solving) =>
  session("").then(
    ({ takesFailedSteps }) => takesFailedSteps,
    () => false,
  );
