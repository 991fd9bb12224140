import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../../errors.ts";
import { BuildError } from "../build-error.ts";
import type { CacheRecord } from "../cache/record.ts";
import { newCacheId } from "../cache/step-cache.ts";
import type { CopyNode, CopyPart } from "../graph/nodes.ts";
import { digestOfNode } from "../graph/nodes.ts";
import type { CopyAction, FileOwner, SourceRef } from "./copy-action.ts";
import { resolveOwner } from "./resolve-owner.ts";
import { mountpointsOf, type Solver, type Solving, type StepWork } from "./solving.ts";
import { lowerDirectoriesOf, makeStepLayer } from "./step-layer.ts";

/** What a copy depends on besides its base: the content of its sources, and what is done to them. */
export async function keyOfCopy(solving: Solving, solver: Solver, node: CopyNode): Promise<unknown> {
  const { destination, chown, chmod, exclude, parents, isLinked } = node;
  const parts = await Promise.all(
    node.parts.map(async (part) => [await checksumPart(solving, solver, part, exclude), part.unpack]),
  );
  return { destination, chown, chmod, exclude, parents, parts, isLinked };
}

/** The digest of what is selected of a tree. @throws BuildError when it is not there */
export async function checksumPart(
  { rooms, signal }: Solving,
  solver: Solver,
  { from, selections }: Pick<CopyPart, "from" | "selections">,
  exclude: readonly string[],
): Promise<string> {
  const source = await sourceOf(rooms, solver, from);
  const mountpoints = mountpointsOf(rooms, `checksum-${newCacheId()}`);
  try {
    return await rooms.files.run(
      { kind: "checksum", mountpoint: mountpoints.source, source, selections, exclude },
      signal,
    );
  } catch (error) {
    signal.throwIfAborted();
    const ref = digestOfNode(from).slice("sha256:".length, "sha256:".length + 25);
    throw new BuildError(
      `failed to compute cache key: failed to calculate checksum of ref ${ref}: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    rmSync(dirname(mountpoints.source), { recursive: true, force: true });
  }
}

/** A tree to copy from. */
export async function sourceOf(
  rooms: Solving["rooms"],
  solver: Solver,
  node: CopyPart["from"],
): Promise<SourceRef> {
  const outcome = await solver.solve(node);
  if (outcome.kind === "tree") return outcome.source;
  return { kind: "layers", lower: lowerDirectoriesOf(rooms, rooms.images.layerDirectories(outcome.layers)) };
}

export function executeCopy(
  { rooms, signal }: Solving,
  solver: Solver,
  node: CopyNode,
  { layers, key, tell }: StepWork,
): Promise<CacheRecord> {
  const warn = (reason: string, { uid, gid }: FileOwner) => {
    const text = `WARN: --chown=${node.chown}: ${reason}; the files are given to ${uid}:${gid}\n`;
    tell({ stream: "stderr", data: Buffer.from(text) });
  };
  return makeStepLayer(rooms, { layers, key, description: node.name }, async (id, place) => {
    const target = node.isLinked ? { ...place, lower: [] } : place;
    const owner = node.chown === undefined ? undefined : await resolveOwner(target.lower, node.chown, warn);
    const actions: CopyAction[] = await Promise.all(
      node.parts.map(async ({ from, selections, unpack }) => ({
        ...{ source: await sourceOf(rooms, solver, from), selections, unpack },
        destination: node.destination,
        ...(owner && { owner }),
        ...(node.chmod !== undefined && { mode: node.chmod }),
        exclude: node.exclude,
        parents: node.parents,
      })),
    );
    await rooms.files.run({ kind: "copy", mountpoints: mountpointsOf(rooms, id), target, actions }, signal);
  });
}
