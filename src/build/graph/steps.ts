import type { Node } from "./nodes.ts";

/** A node that makes a layer of its own. */
export type Step = Extract<Node, { kind: "copy" | "run" | "workdir" }>;

export function isStep(node: Node): node is Step {
  return node.kind === "copy" || node.kind === "run" || node.kind === "workdir";
}

/** Whether what a step makes is the same on any base. */
export function isLinked(node: Step): boolean {
  return node.kind === "copy" && node.isLinked === true;
}

/** What a step copies from or mounts. */
export function inputsBesideBase(node: Step): Node[] {
  if (node.kind === "copy") return node.parts.map(({ from }) => from);
  if (node.kind === "workdir") return [];
  return node.mounts.flatMap((mount) => ("from" in mount && mount.from ? [mount.from] : []));
}
