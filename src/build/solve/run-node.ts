import { join } from "node:path";
import type { CacheRecord } from "../cache/record.ts";
import { newCacheId, snapshotOf } from "../cache/step-cache.ts";
import type { Node, RunMountNode, RunNode } from "../graph/nodes.ts";
import { checksumPart } from "./copy-step.ts";
import { newProcessId, runStep } from "./run-step.ts";
import type { Solver, Solving, StepWork } from "./solving.ts";
import { lowerDirectoriesOf, makeStepLayer } from "./step-layer.ts";
import { openStepMounts } from "./step-mounts.ts";
import { clearStubs, findStubs } from "./stubs.ts";

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
  return checksumPart(solving, solver, { from, selections }, []);
}

/** Without what the outcome does not depend on; where a name leads is not asked by BuildKit either. */
export function settingsOf(node: RunNode): Partial<RunNode> {
  const extraHosts = node.extraHosts.map((host) => host.slice(0, Math.max(host.indexOf(":"), 0)));
  const said: Partial<RunNode> = { ...node, extraHosts };
  for (const key of ["name", "range", "base", "ignoresCache", "proxyEnv"] as const) delete said[key];
  return said;
}

export function executeRun(
  solving: Solving,
  solver: Solver,
  node: RunNode,
  { layers, key, tell }: StepWork,
): Promise<CacheRecord> {
  const { rooms, signal } = solving;
  const { snapshots } = rooms.images;
  return makeStepLayer(rooms, { layers, key, description: node.name }, async (id, root) => {
    const processId = newProcessId();
    rooms.begun.add(processId, snapshotOf(id));
    const writable: string[] = [];
    const layersOf = async (mount: RunMountNode) => {
      const isFromElsewhere = "from" in mount && mount.from !== undefined;
      const chains = isFromElsewhere ? await solver.layersOf(mount.from as Node, mount.source) : [];
      return lowerDirectoriesOf(rooms, rooms.images.layerDirectories(chains));
    };
    const mounts = await openStepMounts(node.mounts, {
      folder: join(rooms.execRoot, "build", processId),
      placesFolder: join(rooms.execRoot, "mounts", processId),
      session: await solving.session("").catch(() => undefined),
      cacheMounts: rooms.cacheMounts,
      layersOf,
      async prepareWritable(lower) {
        const name = snapshotOf(newCacheId());
        writable.push(name);
        rooms.live.add(name);
        const { upper, work } = snapshots.prepare(name, []);
        return { lower, upper, work };
      },
      description: node.name,
      signal,
    });
    try {
      const stubs = findStubs(root.lower, mounts.stubs);
      await runStep(rooms, rooms.processes, node, processId, {
        root,
        mounts,
        onOutput: (stream, data) => tell({ stream, data: Buffer.from(data) }),
        signal,
      });
      clearStubs(root.upper, root.lower, stubs);
    } finally {
      await mounts.close();
      for (const name of writable) {
        await snapshots.remove(name);
        rooms.live.delete(name);
      }
      rooms.begun.delete(processId);
    }
  });
}
