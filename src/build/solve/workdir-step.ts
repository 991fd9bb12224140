import type { CacheRecord } from "../cache/record.ts";
import type { WorkdirNode } from "../graph/nodes.ts";
import type { FileOwner } from "./copy-action.ts";
import { resolveOwner } from "./resolve-owner.ts";
import { mountpointsOf, type Solving, type StepWork } from "./solving.ts";
import { makeStepLayer } from "./step-layer.ts";

export function keyOfWorkdir({ path, user }: WorkdirNode): unknown {
  return { path, user };
}

export function executeWorkdir(
  { rooms, signal }: Solving,
  node: WorkdirNode,
  { layers, key, tell }: StepWork,
): Promise<CacheRecord> {
  return makeStepLayer(rooms, { layers, key, description: node.name }, async (id, target) => {
    const warn = (reason: string, { uid, gid }: FileOwner) => {
      const text = `WARN: WORKDIR ${node.path}: ${reason}; the directory is given to ${uid}:${gid}\n`;
      tell({ stream: "stderr", data: Buffer.from(text) });
    };
    const owner = await resolveOwner(target.lower, node.user, warn);
    const mountpoint = mountpointsOf(rooms, id).target;
    await rooms.files.run({ kind: "makeDirectory", mountpoint, target, path: node.path, owner }, signal);
  });
}
