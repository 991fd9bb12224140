import { resolveUser } from "../../launch/user.ts";
import type { CacheRecord } from "../cache/record.ts";
import type { WorkdirNode } from "../graph/nodes.ts";
import { rootOwner } from "./copy-files.ts";
import { mountpointsOf, type Solving, type StepWork } from "./solving.ts";
import { makeStepLayer } from "./step-layer.ts";

export function keyOfWorkdir({ path, user }: WorkdirNode): unknown {
  return { path, user };
}

export function executeWorkdir(
  { rooms, signal }: Solving,
  node: WorkdirNode,
  { layers, key }: StepWork,
): Promise<CacheRecord> {
  return makeStepLayer(rooms, { layers, key, description: node.name }, async (id, target) => {
    const { uid, gid } = node.user === "" ? rootOwner : await resolveUser(target.lower, node.user, []);
    const mountpoint = mountpointsOf(rooms, id).target;
    await rooms.files.run(
      { kind: "makeDirectory", mountpoint, target, path: node.path, owner: { uid, gid } },
      signal,
    );
  });
}
