import type { Instruction, Range } from "../../dockerfile/instructions.ts";
import { stepText } from "../../dockerfile/step-text.ts";
import { cleanPath } from "../../formats/bind-spec.ts";
import type { ImageHistoryEntry } from "../../formats/image-config.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import { redactAddresses } from "../../formats/redact-address.ts";
import type { CdiRegistry } from "../../runtime/cdi/registry.ts";
import type { BuildOptions } from "../options.ts";
import type { BaseImage, ImageSettings } from "./base-image.ts";
import { type Node, noteWhole } from "./nodes.ts";
import { countText } from "./plan-size.ts";
import { targetOf } from "./platform-args.ts";
import { type Scope, valueIn } from "./scope.ts";

/** What is the same for all stages of a plan. */
export interface Planning {
  options: BuildOptions;
  /** The client's directory, or what stands for it. */
  context: Node;
  /** Global arguments, with the platform's. */
  globals: ReadonlyMap<string, string>;
  escape: Scope["escape"];
  platform: Platform;
  session: string;
  cdi: CdiRegistry;
  /** A stage by name or number, or an image, as `--from` names it. */
  findSource(name: string, user: StagePlan, use: SourceUse): Promise<Node>;
}

/** What a source is wanted for. */
export interface SourceUse {
  range: Range;
  /** Where it is mounted; undefined for what is copied. */
  mountedAt?: string;
}

/** What the history says once a step is done: its beginning, up to a length. It may grow after that. */
export type StepHistories = Map<Node, { history: readonly ImageHistoryEntry[]; length: number }>;

export interface StageStep {
  node: Node;
  text: string;
  /** The platform that it knows it builds for, as far as it does. */
  target: Partial<Platform>;
}

/** A stage as far as it is planned. */
export interface StagePlan {
  index: number;
  name: string | undefined;
  platform: Platform;
  /** Its root file system. */
  node: Node;
  scope: Scope;
  settings: ImageSettings;
  history: ImageHistoryEntry[];
  /** Of steps of all stages. */
  histories: StepHistories;
  author: string | undefined;
  /** CMD was given in this stage. */
  hasOwnCmd: boolean;
  /** Arguments in the order of their declaration, for the history. */
  declaredArgs: Set<string>;
  base: BaseImage | undefined;
  /** Steps that are shown, to be numbered when all are known. */
  steps: StageStep[];
  /** How many steps the stages had that it goes on from. */
  depth: number;
  ignoresCache: boolean;
}

export function shellOf({ settings }: StagePlan): string[] {
  return settings.Shell && settings.Shell.length > 0 ? settings.Shell : ["/bin/sh", "-c"];
}

/** A step that progress shows comes next. @throws EngineError invalid */
export function addStep(stage: StagePlan, node: Node, instruction: Instruction): void {
  const { scope } = stage;
  const text = stepText(instruction, (name) => valueIn(scope, name), scope);
  countText(scope.size, text.length);
  noteWhole(stage.node);
  stage.node = node;
  stage.steps.push({ node, text: redactAddresses(text), target: targetOf(scope.values) });
}

/** A path of an instruction, from the working directory. */
export function absolutePath(stage: StagePlan, path: string): string {
  if (path.startsWith("/")) return path;
  const directory = workingDirectory(stage);
  return directory === "/" ? `/${path}` : `${directory}/${path}`;
}

/** Where commands run. A base image may write it in any way, even without a slash in front. */
export function workingDirectory({ settings }: StagePlan): string {
  return cleanPath(`/${settings.WorkingDir ?? ""}`);
}

const comment = "buildkit.dockerfile.v0";

/** @param sourceDate of `SOURCE_DATE_EPOCH` */
export function addHistory(
  stage: StagePlan,
  createdBy: string,
  { hasLayer, sourceDate }: { hasLayer: boolean; sourceDate: number | undefined },
): void {
  stage.history.push({
    ...(sourceDate !== undefined && { created: new Date(sourceDate).toISOString().replace(".000Z", "Z") }),
    created_by: createdBy,
    comment,
    ...(!hasLayer && { empty_layer: true }),
  });
  if (hasLayer) stage.histories.set(stage.node, { history: stage.history, length: stage.history.length });
}
