import type { Dockerfile, Stage } from "../../dockerfile/instructions.ts";
import { findTarget, stageNames } from "../../dockerfile/stage-links.ts";
import { suggest } from "../../dockerfile/suggest.ts";
import { expandWord } from "../../dockerfile/words.ts";
import { EngineError, invalid, messageOf } from "../../errors.ts";
import { type ImageConfig, layerLimit } from "../../formats/image-config.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { parsePlatform } from "../../formats/platform.ts";
import { parseReference } from "../../formats/reference.ts";
import type { CdiRegistry } from "../../runtime/cdi/registry.ts";
import { locateError } from "../build-error.ts";
import type { BuildOptions } from "../options.ts";
import type { SourceFile } from "../progress.ts";
import type { BaseImage } from "./base-image.ts";
import { readGlobals } from "./globals.ts";
import { nameSteps } from "./name-steps.ts";
import { type Node, noteWhole } from "./nodes.ts";
import {
  imageNode,
  nodeOfNamed,
  type Opening,
  openEmpty,
  openOnImage,
  openOnStage,
  platformOfBase,
} from "./open-stage.ts";
import { newPlanSize, type PlanSize } from "./plan-size.ts";
import { planInstruction, planTriggers } from "./plan-stage.ts";
import { refuseStage } from "./refuse-stage.ts";
import { mergeLabels } from "./settings.ts";
import type { Planning, SourceUse, StagePlan, StepHistories } from "./stage.ts";

/** What a plan needs to know of the world. */
export interface PlanSources {
  /** The client's directory, or what stands for it. */
  context: Node;
  session: string;
  cdi: CdiRegistry;
  /** @throws EngineError when there is no such image */
  findImage(name: string, platform: Platform): Promise<BaseImage>;
  /** What a name stands for that the client has given a context: an image or a tree. */
  findNamed(name: string, platform: Platform): Promise<BaseImage | Node | undefined>;
}

/** How an image comes to be: its root file system, and what is said of it. */
export interface Plan {
  target: Node;
  /** The one that was asked for, or else what its last stage is for. */
  platform: Platform;
  /** Without its layers, which are not known yet. */
  config: ImageConfig;
  base: BaseImage | undefined;
  histories: StepHistories;
  /** How many steps are shown. */
  steps: number;
  /** Images that stages go on from, by the stages' numbers. */
  bases: ReadonlyMap<number, BaseImage>;
}

/** Of one stage, with what its base image wants done. */
const mostInstructions = 5000;

/** A Dockerfile on its way to a plan. */
interface Planner {
  dockerfile: Dockerfile;
  file: SourceFile;
  sources: PlanSources;
  planning: Planning;
  /** Those that are needed, each once. */
  plans: Map<Stage, Promise<StagePlan>>;
  histories: StepHistories;
  size: PlanSize;
}

/** @throws BuildError, with the place in the Dockerfile */
export async function planBuild(
  dockerfile: Dockerfile,
  file: SourceFile,
  { options, platform, sources }: { options: BuildOptions; platform: Platform; sources: PlanSources },
): Promise<Plan> {
  const target = findTarget(dockerfile, options.target);
  const planning: Planning = {
    ...{ options, platform, escape: dockerfile.escape, context: sources.context, session: sources.session },
    cdi: sources.cdi,
    globals: readGlobals(dockerfile, options, platform),
    findSource: (name, user, use) => findSource(planner, name, user, use),
  };
  const planner: Planner = {
    ...{ dockerfile, file, sources, planning, plans: new Map(), histories: new Map() },
    size: newPlanSize(),
  };
  const planned = await planStage(planner, target);
  noteWhole(planned.node);
  const plans = await Promise.all(planner.plans.values());
  const steps = nameSteps(plans, planned, dockerfile.stages.length > 1, options);
  const made = options.isPlatformGiven ? platform : planned.platform;
  return {
    ...{ target: planned.node, platform: made, base: planned.base },
    ...{ steps, histories: planner.histories },
    config: configOf(planned, options, made),
    bases: new Map(plans.flatMap(({ index, base }) => (base ? [[index, base] as const] : []))),
  };
}

/** @param before the number of the one that asks */
function findEarlier({ dockerfile: { stages } }: Planner, name: string, before: number): Stage | undefined {
  return stages.slice(0, before).findLast((stage) => stage.name === name.toLowerCase());
}

/** As Docker suggests them. */
const commonImages = ["alpine", "busybox", "centos", "debian", "golang", "ubuntu", "fedora"].flatMap((name) =>
  [name, `docker.io/library/${name}`].flatMap((one) => [one, `${one}:latest`]),
);

/** @throws EngineError which names the stage or image that was probably meant */
async function findImage(
  { sources, dockerfile }: Planner,
  name: string,
  platform: Platform,
): Promise<BaseImage> {
  try {
    return await sources.findImage(name, platform);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const options = [...stageNames(dockerfile), ...commonImages];
    throw new EngineError(error.kind, suggest(error.message, name, options), error);
  }
}

/** What a client has given a context of that name for. These two never are. @throws EngineError */
async function findNamed(
  { sources }: Planner,
  name: string,
  platform: Platform,
): Promise<BaseImage | Node | undefined> {
  if (["scratch", "context"].includes(name.toLowerCase())) return undefined;
  return sources.findNamed(name, platform);
}

/**
 * What `--from` and `from=` name: a stage, a context of the client, nothing, or an image. As with BuildKit the last two are for the
 * platform of the build, not of the stage.
 */
async function findSource(planner: Planner, name: string, user: StagePlan, use: SourceUse): Promise<Node> {
  const { stages } = planner.dockerfile;
  const { platform } = planner.planning;
  const numbered = /^\d+$/.test(name) ? stages[Number(name)] : undefined;
  const stage =
    findEarlier(planner, name, user.index) ??
    numbered ??
    stages.find((one) => one.name === name.toLowerCase());
  if (stage && stage.index < user.index) return (await planStage(planner, stage)).node;
  const named = await findNamed(planner, name, platform);
  if (named) return nodeOfNamed(named);
  if (stage) throw locateError(refuseStage(stages, stage, { name, user, use }), planner.file, use.range);
  if (/^\d+$/.test(name)) throw locateError(invalid(`invalid stage index ${name}`), planner.file, use.range);
  if (name === "scratch") return { kind: "scratch", name: "" };
  return imageNode(await findImage(planner, name, platform));
}

function planStage(planner: Planner, stage: Stage): Promise<StagePlan> {
  const planned = planner.plans.get(stage) ?? planAnew(planner, stage);
  planner.plans.set(stage, planned);
  return planned;
}

async function planAnew(planner: Planner, stage: Stage): Promise<StagePlan> {
  const replaced = await replaceStage(planner, stage);
  if (replaced) return replaced;
  const { planning, file } = planner;
  const begun = await beginStage(planner, stage);
  for (const instruction of stage.instructions) {
    await planInstruction(planning, begun, instruction).catch((error: unknown) => {
      throw locateError(error, file, instruction.range);
    });
    if (begun.depth + begun.steps.length > layerLimit * 2)
      throw locateError(invalid("max depth exceeded"), file, instruction.range);
  }
  return begun;
}

/** A context of a stage's name takes its place, with all that it says. */
async function replaceStage(planner: Planner, stage: Stage): Promise<StagePlan | undefined> {
  if (stage.name === undefined) return undefined;
  try {
    const opening = openingOf(planner, stage);
    const named = await findNamed(planner, stage.name, opening.platform);
    if (!named) return undefined;
    const begun = openNamed(planner, stage, opening, named);
    const platform = (begun.base && platformOfBase(begun.base)) ?? planner.planning.platform;
    delete begun.settings.OnBuild;
    return { ...begun, platform, steps: [] };
  } catch (error) {
    throw locateError(error, planner.file, stage.from.range);
  }
}

async function beginStage(planner: Planner, stage: Stage): Promise<StagePlan> {
  try {
    const begun = await openStage(planner, stage);
    const triggers = begun.settings.OnBuild?.length ?? 0;
    if (triggers + stage.instructions.length > mostInstructions)
      throw invalid(`more than ${mostInstructions} instructions in a stage`);
    await planTriggers(planner.planning, begun);
    return begun;
  } catch (error) {
    throw locateError(error, planner.file, stage.from.range);
  }
}

function expandGlobal({ planning, dockerfile }: Planner, word: string): string {
  return expandWord(word, (variable) => planning.globals.get(variable), { escape: dockerfile.escape });
}

/** @throws EngineError invalid */
function openingOf(planner: Planner, { from, name, index }: Stage): Opening {
  const { planning, histories, size } = planner;
  const platform = from.platform ? parsePlatform(expandGlobal(planner, from.platform)) : planning.platform;
  const ignores = ignoresCache(planning.options, name, index);
  return { index, name, platform, ignoresCache: ignores, histories, size };
}

/** An earlier stage, a context of the client, nothing, or an image. */
async function openStage(planner: Planner, stage: Stage): Promise<StagePlan> {
  const { dockerfile, planning } = planner;
  const { from, index } = stage;
  const image = expandGlobal(planner, from.image);
  if (image === "") throw invalid(`base name (${from.image}) should not be blank`);
  const opening = openingOf(planner, stage);
  const earlier = findEarlier(planner, image, index);
  if (earlier) return openOnStage(await planStage(planner, earlier), opening);
  const named = await findNamed(planner, image, opening.platform);
  if (named) return openNamed(planner, stage, opening, named);
  // Whatever platform it says: there is nothing in it that would be for one.
  if (image === "scratch")
    return openEmpty({ ...opening, platform: planning.platform }, dockerfile, from.range);
  checkImageName(image);
  return openOnImage(await findImage(planner, image, opening.platform), opening, dockerfile, from.range);
}

function openNamed(
  { dockerfile }: Planner,
  { from: { range } }: Stage,
  opening: Opening,
  named: BaseImage | Node,
): StagePlan {
  if ("kind" in named) return { ...openEmpty(opening, dockerfile, range), node: named };
  return openOnImage(named, opening, dockerfile, range);
}

function checkImageName(image: string): void {
  try {
    parseReference(image);
  } catch (error) {
    throw invalid(`failed to parse stage name ${JSON.stringify(image)}: ${messageOf(error)}`, error);
  }
}

function ignoresCache({ noCache }: BuildOptions, name: string | undefined, index: number): boolean {
  if (typeof noCache === "string") return noCache === "all";
  return noCache.some((one) => one.toLowerCase() === (name ?? String(index)));
}

function configOf(stage: StagePlan, options: BuildOptions, platform: Platform): ImageConfig {
  const { settings, author, history, scope } = stage;
  const env = [...scope.env].map(([key, value]) => `${key}=${value}`);
  const labels = mergeLabels(settings.Labels, options.labels);
  return {
    architecture: platform.architecture,
    ...(platform.variant && { variant: platform.variant }),
    os: platform.os,
    ...(author !== undefined && { author }),
    config: {
      ...settings,
      Env: env,
      ...(Object.keys(labels).length > 0 && { Labels: labels }),
    },
    rootfs: { type: "layers", diff_ids: [] },
    history,
  };
}
