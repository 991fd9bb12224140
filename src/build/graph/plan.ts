import type { Dockerfile, Range, Stage } from "../../dockerfile/instructions.ts";
import { expandWord } from "../../dockerfile/words.ts";
import { invalid, messageOf } from "../../errors.ts";
import { type ImageConfig, layerLimit } from "../../formats/image-config.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { parsePlatform } from "../../formats/platform.ts";
import { parseReference } from "../../formats/reference.ts";
import type { CdiRegistry } from "../../runtime/cdi/registry.ts";
import { defaultPath } from "../../runtime/defaults.ts";
import { locateError } from "../build-error.ts";
import type { BuildOptions } from "../options.ts";
import type { SourceFile } from "../progress.ts";
import type { BaseImage } from "./base-image.ts";
import { nameSteps } from "./name-steps.ts";
import type { Node } from "./nodes.ts";
import { planInstruction, planTriggers } from "./plan-stage.ts";
import { platformArgs } from "./platform-args.ts";
import { refuseStage } from "./refuse-stage.ts";
import { copyScope, parseEnvironment } from "./scope.ts";
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

/** Of one stage. */
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
}

/** @throws BuildError, with the place in the Dockerfile */
export async function planBuild(
  dockerfile: Dockerfile,
  file: SourceFile,
  { options, platform, sources }: { options: BuildOptions; platform: Platform; sources: PlanSources },
): Promise<Plan> {
  const target = findTarget(dockerfile.stages, options.target);
  const planning: Planning = {
    ...{ options, platform, escape: dockerfile.escape, context: sources.context, session: sources.session },
    cdi: sources.cdi,
    globals: readGlobals(dockerfile, options, platform),
    findSource: (name, user, use) => findSource(planner, name, user, use),
  };
  const planner: Planner = { dockerfile, file, sources, planning, plans: new Map(), histories: new Map() };
  const planned = await planStage(planner, target);
  const plans = await Promise.all(planner.plans.values());
  const steps = nameSteps(plans, planned, dockerfile.stages.length > 1, options);
  return {
    ...{ target: planned.node, platform: planned.platform, base: planned.base },
    ...{ steps, histories: planner.histories },
    config: configOf(planned, options),
    bases: new Map(plans.flatMap(({ index, base }) => (base ? [[index, base] as const] : []))),
  };
}

/** By name, or else by number. @param before the number of the one that asks */
function findStage({ dockerfile: { stages } }: Planner, name: string, before: number): Stage | undefined {
  const named = stages.slice(0, before).findLast((stage) => stage.name === name.toLowerCase());
  return named ?? (/^\d+$/.test(name) ? stages[Number(name)] : undefined);
}

/** What `--from` and `from=` name: a context of the client, a stage, or an image. */
async function findSource(planner: Planner, name: string, user: StagePlan, use: SourceUse): Promise<Node> {
  const named = await planner.sources.findNamed(name, user.platform);
  if (named) return nodeOfNamed(named);
  const { stages } = planner.dockerfile;
  const stage = findStage(planner, name, user.index) ?? stages.find((one) => one.name === name.toLowerCase());
  if (!stage) {
    if (/^\d+$/.test(name))
      throw locateError(invalid(`invalid stage index ${name}`), planner.file, use.range);
    return imageNode(await planner.sources.findImage(name, user.platform));
  }
  if (stage.index >= user.index)
    throw locateError(refuseStage(stages, stage, { name, user, use }), planner.file, use.range);
  return (await planStage(planner, stage)).node;
}

function planStage(planner: Planner, stage: Stage): Promise<StagePlan> {
  const planned = planner.plans.get(stage) ?? planAnew(planner, stage);
  planner.plans.set(stage, planned);
  return planned;
}

async function planAnew(planner: Planner, stage: Stage): Promise<StagePlan> {
  const { planning, file } = planner;
  if (stage.instructions.length > mostInstructions)
    throw locateError(
      invalid(`more than ${mostInstructions} instructions in a stage`),
      file,
      stage.from.range,
    );
  const begun = await beginStage(planner, stage);
  for (const instruction of stage.instructions) {
    await planInstruction(planning, begun, instruction).catch((error: unknown) => {
      throw locateError(error, file, instruction.range);
    });
    if (begun.steps.length > layerLimit * 2)
      throw locateError(invalid("max depth exceeded"), file, instruction.range);
  }
  return begun;
}

async function beginStage(planner: Planner, stage: Stage): Promise<StagePlan> {
  try {
    const begun = await openStage(planner, stage);
    await planTriggers(planner.planning, begun);
    return begun;
  } catch (error) {
    throw locateError(error, planner.file, stage.from.range);
  }
}

/** An earlier stage, a context of the client, nothing, or an image. */
async function openStage(planner: Planner, stage: Stage): Promise<StagePlan> {
  const { dockerfile, sources, planning } = planner;
  const { from, name, index } = stage;
  const expand = (word: string) =>
    expandWord(word, (variable) => planning.globals.get(variable), { escape: dockerfile.escape });
  const image = expand(from.image);
  if (image === "") throw invalid(`base name (${from.image}) should not be blank`);
  const platform = from.platform ? parsePlatform(expand(from.platform)) : planning.platform;
  const isAnew = ignoresCache(planning.options, stage);
  const common = { index, name, platform, ignoresCache: isAnew, histories: planner.histories };
  const named = await sources.findNamed(image, platform);
  const earlier = named ? undefined : findStage(planner, image, index);
  if (earlier && earlier.index < index) return inherit(await planStage(planner, earlier), common);
  if (!named && image === "scratch") return fromScratch(common, dockerfile, from.range);
  if (!named) checkImageName(image);
  const base = named ?? (await sources.findImage(image, platform));
  if ("kind" in base) return { ...fromScratch(common, dockerfile, from.range), node: base };
  return fromImage(base, common, dockerfile, from.range);
}

function checkImageName(image: string): void {
  try {
    parseReference(image);
  } catch (error) {
    throw invalid(`failed to parse stage name ${JSON.stringify(image)}: ${messageOf(error)}`, error);
  }
}

type Common = Pick<StagePlan, "index" | "name" | "platform" | "ignoresCache" | "histories">;

function fromScratch(common: Common, dockerfile: Dockerfile, range: Range): StagePlan {
  return {
    ...common,
    node: { kind: "scratch", name: "", range },
    scope: { env: new Map(), args: new Map(), values: new Map(), escape: dockerfile.escape },
    settings: { WorkingDir: "/" },
    history: [],
    author: undefined,
    hasOwnCmd: false,
    declaredArgs: [],
    steps: [],
    base: undefined,
  };
}

function fromImage(base: BaseImage, common: Common, dockerfile: Dockerfile, range: Range): StagePlan {
  const { config, history, author } = base.config;
  const node = imageNode(base, range);
  const stage: StagePlan = {
    ...fromScratch(common, dockerfile, range),
    node,
    settings: structuredClone(config ?? {}),
    history: [...(history ?? [])],
    author,
    base,
  };
  stage.scope.env = parseEnvironment(config?.Env ?? []);
  stage.scope.values = new Map(stage.scope.env);
  stage.steps.push({ node, text: `FROM ${base.name}` });
  return stage;
}

/** A stage goes on where an earlier one ends. */
function inherit(earlier: StagePlan, common: Common): StagePlan {
  return {
    ...earlier,
    ...common,
    scope: copyScope(earlier.scope),
    settings: structuredClone(earlier.settings),
    history: [...earlier.history],
    declaredArgs: [...earlier.declaredArgs],
    hasOwnCmd: false,
    steps: [],
  };
}

function imageNode({ layers, name }: BaseImage, range?: Range): Node {
  return { kind: "image", name, layers, ...(range && { range }) };
}

function nodeOfNamed(named: BaseImage | Node): Node {
  return "kind" in named ? named : imageNode(named);
}

function findTarget(stages: readonly Stage[], target: string | undefined): Stage {
  if (target === undefined) return stages.at(-1) as Stage;
  const named = stages.findLast(({ name }) => name === target.toLowerCase());
  const found = named ?? (/^\d+$/.test(target) ? stages[Number(target)] : undefined);
  if (!found) throw invalid(`target stage ${JSON.stringify(target)} could not be found`);
  return found;
}

function ignoresCache({ noCache }: BuildOptions, { name, index }: Stage): boolean {
  if (typeof noCache === "string") return noCache === "all";
  return noCache.some((one) => one.toLowerCase() === (name ?? String(index)));
}

/** ARGs before the first FROM, and what is known of platforms. */
function readGlobals(
  { globalArgs, escape: escapeCharacter }: Dockerfile,
  { buildArgs, target }: BuildOptions,
  platform: Platform,
): Map<string, string> {
  const globals = platformArgs(platform, target);
  for (const [name, value] of buildArgs) if (globals.has(name)) globals.set(name, value);
  for (const { args } of globalArgs) {
    for (const { name, value } of args) {
      const given = buildArgs.get(name);
      const byDefault =
        value === undefined
          ? undefined
          : expandWord(value, (one) => globals.get(one), { escape: escapeCharacter });
      const known = given ?? byDefault;
      if (known !== undefined) globals.set(name, known);
    }
  }
  return globals;
}

function configOf(stage: StagePlan, options: BuildOptions): ImageConfig {
  const { settings, platform, author, history, scope } = stage;
  const own = [...scope.env].map(([key, value]) => `${key}=${value}`);
  const env = scope.env.has("PATH") ? own : [defaultPath, ...own];
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
