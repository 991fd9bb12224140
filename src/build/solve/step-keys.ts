import { createHash } from "node:crypto";
import { isLinked, type Step } from "../graph/steps.ts";
import { keyOfCopy } from "./copy-step.ts";
import { keyOfRun } from "./run-node.ts";
import type { Solver, Solving } from "./solving.ts";
import { keyOfWorkdir } from "./workdir-step.ts";

/** All that a step depends on, as one digest. @param layers chainIDs of what it stands on, base first */
export async function keyOfStep(
  solving: Solving,
  solver: Solver,
  node: Step,
  layers: readonly string[],
): Promise<string> {
  const said =
    node.kind === "run"
      ? await keyOfRun(solving, solver, node)
      : node.kind === "copy"
        ? await keyOfCopy(solving, solver, node)
        : keyOfWorkdir(node);
  return createHash("sha256")
    .update(JSON.stringify([node.kind, isLinked(node) ? "" : (layers.at(-1) ?? ""), said]))
    .digest("hex");
}
