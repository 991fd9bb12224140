import type { BuildOptions } from "../options.ts";
import { inputsOf, type Node, nodesOf } from "./nodes.ts";
import { crossPlatform } from "./platform-args.ts";
import type { StagePlan } from "./stage.ts";

/** "[name 2/5] RUN …": the stage's name where there are several, or where one is implied. @returns how many are needed */
export function nameSteps(
  plans: readonly StagePlan[],
  target: StagePlan,
  hasSeveral: boolean,
  options: BuildOptions,
): number {
  const isNamed = hasSeveral || plans.some(({ steps }) => steps.some(({ node }) => impliesStage(node)));
  const needed = new Set(nodesOf(target.node));
  let named = 0;
  for (const { steps, name, index, platform } of plans) {
    const total = steps.length;
    steps.forEach(({ node, text, target: said }, at) => {
      if (!needed.has(node)) return;
      named++;
      const number = String(at + 1).padStart(String(total).length, " ");
      const words = [
        ...(options.isMultiPlatform ? [crossPlatform(platform, said)] : []),
        ...(isNamed ? [name ?? `stage-${index}`] : []),
        `${number}/${total}`,
      ];
      node.name = `[${words.join(" ")}] ${text}`;
    });
  }
  return named;
}

/** BuildKit names the stage where a step takes from more than its base and the context. */
function impliesStage(node: Node): boolean {
  if (node.kind === "run") return node.mounts.length > 0;
  if (node.kind !== "copy") return false;
  return inputsOf(node)
    .slice(1)
    .some(({ kind }) => kind === "image");
}
