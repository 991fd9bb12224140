import { rmSync } from "node:fs";
import { dirname } from "node:path";
import { messageOf } from "../../errors.ts";
import { checkIdRange, resolveUser, UnknownNameError } from "../../launch/user.ts";
import { BuildError } from "../build-error.ts";
import type { CacheRecord } from "../cache/record.ts";
import { newCacheId } from "../cache/step-cache.ts";
import type { CopyNode, CopyPart } from "../graph/nodes.ts";
import { digestOfNode } from "../graph/nodes.ts";
import type { CopyAction, FileOwner, SourceRef } from "./copy-action.ts";
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
  const warn = (text: string) => tell({ stream: "stderr", data: Buffer.from(text) });
  return makeStepLayer(rooms, { layers, key, description: node.name }, async (id, place) => {
    const target = node.isLinked ? { ...place, lower: [] } : place;
    const owner = node.chown === undefined ? undefined : await ownerOf(target.lower, node.chown, warn);
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

/** "user", "user:group" or ids, in the base's own files; a user's group is its own unless it is a number. */
async function ownerOf(lower: string[], chown: string, warn: (text: string) => void): Promise<FileOwner> {
  const [user = "", group] = chown.split(":", 2);
  if (group === undefined && isNumber(user)) return ownerByNumber(user);
  try {
    const { uid, gid } = await resolveUser(lower, chown, []);
    return { uid, gid };
  } catch (error) {
    // Where there is no base there is nothing to look into, and BuildKit refuses it as well.
    if (lower.length === 0 || !(error instanceof UnknownNameError)) throw error;
    const owner = await ownerWithoutNames(lower, user);
    warn(`WARN: --chown=${chown}: ${error.message}; the files are given to ${owner.uid}:${owner.gid}\n`);
    return owner;
  }
}

/** As BuildKit has it: who is not known is root, and a group that is not known is the user's own. */
async function ownerWithoutNames(lower: string[], user: string): Promise<FileOwner> {
  if (isNumber(user)) return ownerByNumber(user);
  try {
    const { uid, gid } = await resolveUser(lower, user, []);
    return { uid, gid };
  } catch (error) {
    if (!(error instanceof UnknownNameError)) throw error;
    return { uid: 0, gid: 0 };
  }
}

const isNumber = (user: string) => /^\d+$/.test(user);

/** @throws EngineError invalid */
function ownerByNumber(user: string): FileOwner {
  const id = Number(user);
  checkIdRange(id);
  return { uid: id, gid: id };
}
