import type { Instruction, Stage } from "../../dockerfile/instructions.ts";
import { type EngineError, invalid } from "../../errors.ts";
import type { SourceUse, StagePlan } from "./stage.ts";

interface Wanted {
  /** As it was written. */
  name: string;
  user: StagePlan;
  use: SourceUse;
}

/** Why a stage that is defined later, or the stage itself, is no source: in BuildKit's words. */
export function refuseStage(
  stages: readonly Stage[],
  stage: Stage,
  { name, user, use }: Wanted,
): EngineError {
  const own = user.name ?? String(user.index);
  if (dependsOn(stages, stage, user.index)) return invalid(`circular dependency detected on stage: ${own}`);
  const quoted = JSON.stringify(name);
  if (use.mountedAt !== undefined)
    return invalid(
      `cannot mount from stage ${quoted} to ${JSON.stringify(use.mountedAt)}, stage needs to be defined before current command`,
    );
  return invalid(
    `cannot copy from stage ${quoted}, it needs to be defined before current stage ${JSON.stringify(own)}`,
  );
}

/** Whether a stage needs another one, directly or not, as far as it is written out. */
function dependsOn(stages: readonly Stage[], stage: Stage, index: number, seen = new Set<Stage>()): boolean {
  if (stage.index === index) return true;
  if (seen.has(stage)) return false;
  seen.add(stage);
  const sources = new Set(stage.instructions.flatMap(sourcesOf).map((name) => name.toLowerCase()));
  const isNeeded = (one: Stage) =>
    sources.has(one.name ?? "") ||
    sources.has(String(one.index)) ||
    (one.index < stage.index && one.name === stage.from.image.toLowerCase());
  return stages.some((one) => isNeeded(one) && dependsOn(stages, one, index, seen));
}

function sourcesOf(instruction: Instruction): string[] {
  if (instruction.kind === "copy") return instruction.from === undefined ? [] : [instruction.from];
  if (instruction.kind !== "run") return [];
  return instruction.mounts.flatMap((mount) => /(?:^|,)from=([^,]*)/.exec(mount)?.[1] ?? []);
}
