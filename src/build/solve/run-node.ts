import { join } from "node:path";
import { EngineError } from "../../errors.ts";
import type { CacheRecord } from "../cache/record.ts";
import { newCacheId, snapshotOf } from "../cache/step-cache.ts";
import type { ClientSession } from "../client-session.ts";
import type { Node, RunMountNode, RunNode } from "../graph/nodes.ts";
import { Abandoned } from "./abandoned.ts";
import { checksumParts } from "./copy-step.ts";
import { newProcessId, type RunOptions, runStep, type StepRoot } from "./run-step.ts";
import type { Solver, Solving, StepWork } from "./solving.ts";
import { mayHaveToWait, openStepCaches, type StepCaches } from "./step-caches.ts";
import { lowerDirectoriesOf, makeStepLayer } from "./step-layer.ts";
import { openStepMounts, type StepMounts } from "./step-mounts.ts";
import { clearStubs, findStubs } from "./stubs.ts";
import { visitFailedStep } from "./visit-failed-step.ts";

/** What a command depends on besides its base: all that its node says, and the content of what is mounted of other trees. */
export async function keyOfRun(solving: Solving, solver: Solver, node: RunNode): Promise<unknown> {
  const said = settingsOf(node);
  const mounts = await Promise.all(
    node.mounts.map(async (mount) => {
      if (!("from" in mount)) return mount;
      const { from, ...rest } = mount;
      return { ...rest, from: from && (await contentOf(solving, solver, from, mount.source)) };
    }),
  );
  return { ...said, mounts };
}

/** Of what is bound and no more: a layer as a whole by its name, else what is read. */
async function contentOf(solving: Solving, solver: Solver, from: Node, source: string): Promise<string> {
  const outcome = await solver.solve(from);
  if (outcome.kind === "layers" && source === "") return outcome.layers.at(-1) ?? "";
  const selections = [{ pattern: source, hasWildcards: false }];
  return (await checksumParts(solving, solver, [{ from, selections }], []))[0] as string;
}

/** Without what the outcome does not depend on; where a name leads is not asked by BuildKit either. */
export function settingsOf(node: RunNode): Partial<RunNode> {
  const extraHosts = node.extraHosts.map((host) => host.slice(0, Math.max(host.indexOf(":"), 0)));
  const said: Partial<RunNode> = { ...node, extraHosts };
  for (const key of ["name", "range", "base", "ignoresCache", "proxyEnv", "limits"] as const)
    delete said[key];
  return said;
}

export function executeRun(
  solving: Solving,
  solver: Solver,
  node: RunNode,
  { layers, key, tell, freeSlot, caches }: StepWork,
): Promise<CacheRecord> {
  const { rooms } = solving;
  return makeStepLayer(rooms, { layers, key, description: node.name }, async (id, root) => {
    const step: OpenStep = { id, root, caches: caches.paths, writable: [] };
    const onOutput: RunOptions["onOutput"] = (stream, data) => tell({ stream, data: Buffer.from(data) });
    const run: RunCommand = (command, mounts, more) =>
      runStep(rooms, rooms.processes, command, mounts.processId, { root, mounts, onOutput, ...more });
    try {
      await withMounts(solving, solver, node, step, async (mounts) => {
        const stubs = findStubs(root.lower, mounts.stubs);
        await run(node, mounts, { signal: solving.signal });
        clearStubs(root.upper, root.lower, stubs);
      }).catch(async (error: unknown) => {
        await visitFailedStep(solving, { node, root, error, tell, freeSlot }, (command, more) =>
          withMounts(solving, solver, node, step, (mounts) => run(command, mounts, more)),
        );
        throw error;
      });
    } finally {
      for (const { name } of step.writable) {
        await rooms.images.snapshots.remove(name);
        rooms.live.delete(name);
      }
    }
  });
}

type RunCommand = (
  command: RunNode,
  mounts: StepMounts & { processId: string },
  more: Pick<RunOptions, "signal" | "visitor">,
) => Promise<void>;

interface OpenStep {
  /** Of its snapshot. */
  id: string;
  root: StepRoot;
  caches: StepCaches["paths"];
  /** What mounts that are written to write to, in their order: a shell finds there what the command wrote. */
  writable: { name: string; upper: string; work: string }[];
}

/** Has `work` run a command among the step's mounts. */
async function withMounts(
  solving: Solving,
  solver: Solver,
  node: RunNode,
  step: OpenStep,
  work: (mounts: StepMounts & { processId: string }) => Promise<void>,
): Promise<void> {
  const { rooms, signal } = solving;
  const { snapshots } = rooms.images;
  const processId = newProcessId();
  rooms.begun.add(processId, snapshotOf(step.id));
  let prepared = 0;
  try {
    const mounts = await openStepMounts(node.mounts, {
      folder: join(rooms.execRoot, "build", processId),
      placesFolder: join(rooms.execRoot, "mounts", processId),
      session: () => findSession(solving),
      cacheMounts: rooms.cacheMounts,
      caches: step.caches,
      layersOf: (mount) => layersOfMount(rooms, solver, mount),
      async prepareWritable(lower) {
        const known = step.writable[prepared++];
        if (known) return { lower, ...known };
        const name = snapshotOf(newCacheId());
        rooms.live.add(name);
        const { upper, work } = snapshots.prepare(name, []);
        step.writable.push({ name, upper, work });
        return { lower, upper, work };
      },
      description: node.name,
      remap: rooms.remap,
      signal,
    });
    try {
      await work({ ...mounts, processId });
    } finally {
      await mounts.close();
    }
  } finally {
    rooms.begun.delete(processId);
  }
}

/** Opens what other steps may have to themselves, before the step takes its turn. @throws the signal's reason */
export function openWaitedCaches(
  { rooms, signal }: Solving,
  solver: Solver,
  node: RunNode,
): Promise<StepCaches> {
  const layersOf = (mount: RunMountNode) => layersOfMount(rooms, solver, mount);
  const settings = { description: node.name, signal, layersOf };
  return openStepCaches(rooms.cacheMounts, node.mounts, mayHaveToWait, settings);
}

/** Directories of what a mount is from, topmost first. */
async function layersOfMount(
  rooms: Solving["rooms"],
  solver: Solver,
  mount: RunMountNode,
): Promise<string[]> {
  const isFromElsewhere = "from" in mount && mount.from !== undefined;
  const chains = isFromElsewhere ? await solver.layersOf(mount.from as Node, mount.source) : [];
  return lowerDirectoriesOf(rooms, rooms.images.layerDirectories(chains));
}

/** Undefined for a build whose client offers none. @throws Abandoned when it did and has gone */
function findSession({ session }: Solving): Promise<ClientSession | undefined> {
  return session("").catch((error: unknown) => {
    if (error instanceof EngineError && error.kind === "notFound") return undefined;
    throw new Abandoned(error);
  });
}
