import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../../errors.ts";
import { BuildError } from "../build-error.ts";
import type { CacheRecord } from "../cache/record.ts";
import { newCacheId } from "../cache/step-cache.ts";
import type { CopyNode, CopyPart, Node } from "../graph/nodes.ts";
import { digestOfNode } from "../graph/nodes.ts";
import type { CopyAction, FileOwner, SourceRef } from "./copy-action.ts";
import { resolveOwner } from "./resolve-owner.ts";
import { mountpointsOf, type Solver, type Solving, type StepWork } from "./solving.ts";
import { lowerDirectoriesOf, makeStepLayer } from "./step-layer.ts";

/** What a copy depends on besides its base: the content of its sources, and what is done to them. */
export async function keyOfCopy(solving: Solving, solver: Solver, node: CopyNode): Promise<unknown> {
  const { destination, chown, chmod, exclude, parents, isLinked } = node;
  const sums = await checksumParts(solving, solver, node.parts, exclude);
  const parts = node.parts.map(({ unpack }, at) => [sums[at], unpack]);
  return { destination, chown, chmod, exclude, parents, parts, isLinked };
}

/** What is taken of a tree. */
type Part = Pick<CopyPart, "from" | "selections">;

/** The digests of what is selected of trees, each of which is opened once. @throws BuildError when it is not there */
export async function checksumParts(
  solving: Solving,
  solver: Solver,
  parts: readonly Part[],
  exclude: readonly string[],
): Promise<string[]> {
  const sums = new Map<Part, string>();
  const checks = [...Map.groupBy(parts, ({ from }) => from)].map(async ([from, ofTree]) => {
    const wanted = ofTree.map(({ selections }) => selections);
    const found = await checksumTree(solving, solver, from, wanted, exclude);
    for (const [at, part] of ofTree.entries()) sums.set(part, found[at] as string);
  });
  await Promise.all(checks);
  return parts.map((part) => sums.get(part) as string);
}

async function checksumTree(
  { rooms, signal }: Solving,
  solver: Solver,
  from: Part["from"],
  selections: Part["selections"][],
  exclude: readonly string[],
): Promise<string[]> {
  const source = await sourceOf(rooms, solver, from);
  // A folder takes its time, and only layers are mounted.
  const mountpoint = source.kind === "layers" && mountpointsOf(rooms, `checksum-${newCacheId()}`).source;
  try {
    const job = { kind: "checksum" as const, mountpoint: mountpoint || "", source, selections, exclude };
    return (await rooms.files.run(job, signal)).split("\n");
  } catch (error) {
    signal.throwIfAborted();
    const ref = digestOfNode(from).slice("sha256:".length, "sha256:".length + 25);
    throw new BuildError(
      `failed to compute cache key: failed to calculate checksum of ref ${ref}: ${messageOf(error)}`,
      { cause: error },
    );
  } finally {
    if (mountpoint) rmSync(dirname(mountpoint), { recursive: true, force: true });
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
    const sources = new Map<Node, SourceRef>();
    for (const { from } of node.parts)
      if (!sources.has(from)) sources.set(from, await sourceOf(rooms, solver, from));
    const actions = node.parts.map(
      ({ from, selections, unpack }): CopyAction => ({
        ...{ source: sources.get(from) as SourceRef, selections, unpack },
        destination: node.destination,
        ...(owner && { owner }),
        ...(node.chmod !== undefined && { mode: node.chmod }),
        exclude: node.exclude,
        parents: node.parents,
      }),
    );
    await rooms.files.run({ kind: "copy", mountpoints: mountpointsOf(rooms, id), target, actions }, signal);
  });
}
