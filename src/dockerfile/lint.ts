import type { Platform } from "../formats/oci-manifest.ts";
import { formatPlatform } from "../formats/platform.ts";
import { openGlobalScope } from "./global-scope.ts";
import type { Dockerfile, Instruction, LintWarning, Stage } from "./instructions.ts";
import { LayeredMap, layerOf } from "./layered-map.ts";
import { type FromWords, ignoreInvalid, lintDefaults, lintFrom } from "./lint-from.ts";
import { parseLintOptions } from "./lint-options.ts";
import { openReport, type Report } from "./lint-report.ts";
import { type LintBase, type LintContext, type LintScope, lintInstructions } from "./lint-stage.ts";
import { lintCasing, lintContinuations, lintStageNames, lintStatements } from "./lint-writing.ts";
import { parseTrigger } from "./parse.ts";
import { type Bases, findBases, reachableStages, stageOfName } from "./stage-links.ts";
import { readStatements, type Statement } from "./statements.ts";

export interface LintInput {
  /** The build's, BUILDKIT_DOCKERFILE_CHECK among them. */
  buildArgs: ReadonlyMap<string, string>;
  /** BUILDPLATFORM, TARGETPLATFORM and the like: what FROM may use undeclared. */
  predefined: ReadonlyMap<string, string>;
  targetPlatform: Platform;
  /** Undefined: the last stage, or for `isWhole` all. */
  target?: string;
  /** Stages that the target does not need are looked at as well, when there is no target. */
  isWhole?: boolean;
  /** Of stages that go on from images, by the stages' numbers; images that are not known yet may be missing. */
  bases?: ReadonlyMap<number, LintBase>;
  /** The patterns of .dockerignore. */
  ignorePatterns?: readonly string[];
}

/**
 * In BuildKit's order: what is wrong with the writing, with FROM, and then stage by stage. What the build fails at ends the list.
 * @throws EngineError invalid for options that are none
 */
export function lintDockerfile(dockerfile: Dockerfile, input: LintInput): LintWarning[] {
  const { buildArgs, predefined } = input;
  const given = buildArgs.get("BUILDKIT_DOCKERFILE_CHECK") ?? dockerfile.check?.value ?? "";
  const { warnings, report } = openReport(parseLintOptions(given));
  const { statements } = readStatements(dockerfile.text);
  lintContinuations(statements, report);
  lintStatements(statements, report);
  lintStageNames(dockerfile, report);
  lintCasing(statements, report);
  lintDefaults(dockerfile, predefined, report);
  ignoreInvalid(() => {
    const globals = openGlobalScope(dockerfile, buildArgs, predefined);
    const read = new Map<Stage, FromWords>();
    for (const stage of dockerfile.stages)
      read.set(stage, lintFrom(stage, globals, dockerfile.escape, report));
    const imageOf = (stage: Stage) => read.get(stage)!.image;
    const bases = findBases(dockerfile, imageOf);
    const wanted = stagesOf(dockerfile, input, bases);
    for (const stage of wanted) lintBasePlatform(stage, read.get(stage)!, input, report);
    const patterns = input.ignorePatterns ?? [];
    const ignored = patterns.some((pattern) => pattern.startsWith("!")) ? [] : patterns;
    const context: LintContext = { report, escape: dockerfile.escape, buildArgs, globals, ignored };
    lintStages(context, {
      imageOf,
      input,
      bases,
      wanted,
      statements: pairStatements(dockerfile, statements),
    });
  });
  return warnings;
}

function stagesOf(dockerfile: Dockerfile, input: LintInput, bases: Bases): Stage[] {
  const { stages } = dockerfile;
  if (input.isWhole && input.target === undefined) return stages;
  const target = input.target === undefined ? stages.at(-1) : stageOfName(stages, input.target);
  if (!target) return [];
  return reachableStages(dockerfile, target, bases);
}

function lintBasePlatform(
  stage: Stage,
  { image, platform }: FromWords,
  input: LintInput,
  report: Report,
): void {
  const base = input.bases?.get(stage.index);
  if (!base) return;
  const expected = platform ?? input.targetPlatform;
  if (expected.os === base.platform.os && expected.architecture === base.platform.architecture) return;
  const names = [expected, base.platform].map(formatPlatform);
  report("InvalidBaseImagePlatform", stage.from.range, image, ...names);
}

/** Instructions and statements come in the same order. */
function pairStatements(
  { globalArgs, stages }: Dockerfile,
  statements: readonly Statement[],
): Map<unknown, Statement> {
  const all = [...globalArgs, ...stages.flatMap(({ from, instructions }) => [from, ...instructions])];
  return new Map(all.map((one, index) => [one, statements[index]!]));
}

interface StageWork {
  imageOf(stage: Stage): string;
  input: LintInput;
  bases: Bases;
  wanted: readonly Stage[];
  statements: ReadonlyMap<unknown, Statement>;
}

function lintStages(context: LintContext, work: StageWork): void {
  const scopes = new Map<Stage, LintScope>();
  for (const stage of work.wanted) {
    const base = work.bases.get(stage);
    const known = base ? undefined : work.input.bases?.get(stage.index);
    const inherited = base && scopes.get(base);
    const scope = inherited ? goOn(inherited) : openScope(work.imageOf(stage), known);
    scopes.set(stage, scope);
    const triggers = base ? triggersOf(base) : (known?.onBuild ?? []);
    lintInstructions(context, scope, [
      ...triggers.map((text) => [{ ...parseTrigger(text), range: stage.from.range }, undefined] as const),
      ...stage.instructions.map((one) => [one, work.statements.get(one)] as const),
    ]);
  }
}

function triggersOf({ instructions }: Stage): string[] {
  return instructions.flatMap((instruction: Instruction) =>
    instruction.kind === "onbuild" ? [instruction.text] : [],
  );
}

function openScope(image: string, base: LintBase | undefined): LintScope {
  const isKnown = base !== undefined || image === "scratch";
  const env = layerOf(base?.env ?? []);
  if (env.get("PATH") === undefined) env.set("PATH", "");
  return {
    env: isKnown ? env : undefined,
    declared: new LayeredMap(),
    hasWorkdir: false,
    hasShell: base?.hasShell ?? false,
  };
}

function goOn({ env, declared, hasWorkdir, hasShell }: LintScope): LintScope {
  return { env: env && new LayeredMap(env), declared: new LayeredMap(declared), hasWorkdir, hasShell };
}
