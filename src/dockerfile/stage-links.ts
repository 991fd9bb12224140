import type { Dockerfile, Instruction, Stage, Word } from "./instructions.ts";
import { findFrom } from "./run-mount.ts";

/** The stage that a FROM goes on from: an earlier one of that very name. */
export function findBase({ stages }: Dockerfile, stage: Stage, image: string): Stage | undefined {
  return stages.findLast(({ index, name }) => index < stage.index && name === image);
}

/** The stage that `--from` or `--target` means: by number, or by name in any case. */
export function findStage({ stages }: Dockerfile, name: Word): Stage | undefined {
  if (/^\d+$/.test(name)) return stages[Number(name)];
  return stages.findLast((stage) => stage.name === name.toLowerCase());
}

/** What an instruction takes files from: `--from` of COPY and of mounts. */
export function namedSources(instruction: Instruction): Word[] {
  if (instruction.kind === "copy") return instruction.from === undefined ? [] : [instruction.from];
  if (instruction.kind !== "run") return [];
  return instruction.mounts.map(findFrom).filter((from) => from !== undefined);
}

/**
 * The stages that a target stands on, itself among them.
 * @param imageOf the image of a stage, its variables known
 */
export function reachableStages(
  dockerfile: Dockerfile,
  target: Stage,
  imageOf: (stage: Stage) => string | undefined,
): Set<Stage> {
  const reached = new Set<Stage>([target]);
  // A set that grows is walked to its end.
  for (const stage of reached) {
    const base = findBase(dockerfile, stage, imageOf(stage) ?? "");
    const sources = stage.instructions.flatMap(namedSources).map((name) => findStage(dockerfile, name));
    for (const next of [base, ...sources]) if (next) reached.add(next);
  }
  return reached;
}
