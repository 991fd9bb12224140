import { invalid } from "../errors.ts";
import { quoteGo } from "../formats/go-template/go-template-printf.ts";
import type { Dockerfile, Instruction, Stage, Word } from "./instructions.ts";
import { findFrom } from "./run-mount.ts";
import { suggest } from "./suggest.ts";

/** Which stage goes on from which. */
export type Bases = ReadonlyMap<Stage, Stage>;

/** @param imageOf what a stage goes on from, its variables known: an earlier stage of that very name, or else an image */
export function findBases({ stages }: Dockerfile, imageOf: (stage: Stage) => string): Bases {
  const bases = new Map<Stage, Stage>();
  const named = new Map<string, Stage>();
  for (const stage of stages) {
    const base = named.get(imageOf(stage));
    if (base) bases.set(stage, base);
    if (stage.name !== undefined) named.set(stage.name, stage);
  }
  return bases;
}

/** The stage that `--from` means: by number, or by name in any case. */
function findSource({ stages }: Dockerfile, name: Word): Stage | undefined {
  if (/^\d+$/.test(name)) return stages[Number(name)];
  return stageOfName(stages, name);
}

/** That of a name in any case. */
export function stageOfName(stages: readonly Stage[], name: Word): Stage | undefined {
  const lower = name.toLowerCase();
  return stages.findLast((stage) => stage.name === lower);
}

export const stageNames = ({ stages }: Dockerfile): string[] => stages.flatMap(({ name }) => name ?? []);

/** The stage to build: that of a name in any case, or the last one. @throws EngineError invalid in Docker's words */
export function findTarget(dockerfile: Dockerfile, name: string | undefined): Stage {
  const { stages } = dockerfile;
  const found = name === undefined ? stages.at(-1) : stageOfName(stages, name);
  if (found) return found;
  const message = `target stage ${quoteGo(name ?? "")} could not be found`;
  throw invalid(suggest(message, name ?? "", stageNames(dockerfile)));
}

/** What an instruction takes files from: `--from` of COPY and of mounts. */
function namedSources(instruction: Instruction): Word[] {
  if (instruction.kind === "copy") return instruction.from === undefined ? [] : [instruction.from];
  if (instruction.kind !== "run") return [];
  return instruction.mounts.map(findFrom).filter((from) => from !== undefined);
}

/** The stages that a target stands on, itself among them, in the order of the file. */
export function reachableStages(dockerfile: Dockerfile, target: Stage, bases: Bases): Stage[] {
  const reached = new Set(nearestFirst(dockerfile, target, bases));
  return dockerfile.stages.filter((stage) => reached.has(stage));
}

/** The same stages: each with all that it goes on from, and then with what it takes files from. */
export function nearestFirst(dockerfile: Dockerfile, target: Stage, bases: Bases): Stage[] {
  const reached = new Set<Stage>();
  const waiting = [target];
  for (let stage = waiting.pop(); stage; stage = waiting.pop()) {
    if (reached.has(stage)) continue;
    reached.add(stage);
    const names = new Set(stage.instructions.flatMap(namedSources));
    const sources = [...names].map((name) => findSource(dockerfile, name));
    for (const next of [...sources.toReversed(), bases.get(stage)]) if (next) waiting.push(next);
  }
  return [...reached];
}
