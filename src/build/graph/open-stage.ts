import type { Dockerfile, Range } from "../../dockerfile/instructions.ts";
import type { Platform } from "../../formats/oci-manifest.ts";
import type { BaseImage, ImageSettings } from "./base-image.ts";
import type { Node } from "./nodes.ts";
import { countInherited, type PlanSize } from "./plan-size.ts";
import { copyScope, firstEnvironment } from "./scope.ts";
import type { StagePlan } from "./stage.ts";

/* What a stage is before its first instruction. */

/** What it has whatever it starts from. */
export interface Opening
  extends Pick<StagePlan, "index" | "name" | "platform" | "ignoresCache" | "histories"> {
  size: PlanSize;
}

export function openEmpty({ size, ...opening }: Opening, dockerfile: Dockerfile, range: Range): StagePlan {
  const env = firstEnvironment([]);
  return {
    ...opening,
    node: { kind: "scratch", name: "", range },
    scope: { env, args: new Map(), values: new Map(env), escape: dockerfile.escape, size },
    settings: { WorkingDir: "/" },
    history: [],
    author: undefined,
    hasOwnCmd: false,
    declaredArgs: new Set(),
    steps: [],
    depth: 0,
    base: undefined,
  };
}

/** @throws EngineError invalid */
export function openOnImage(
  base: BaseImage,
  opening: Opening,
  dockerfile: Dockerfile,
  range: Range,
): StagePlan {
  const { config, history = [], author } = base.config;
  const node = imageNode(base, range);
  const stage: StagePlan = {
    ...openEmpty(opening, dockerfile, range),
    node,
    settings: copySettings(config ?? {}),
    history: [...history],
    author,
    base,
  };
  stage.scope.env = firstEnvironment(config?.Env ?? []);
  stage.scope.values = new Map(stage.scope.env);
  stage.steps.push({ node, text: `FROM ${base.name}`, target: {} });
  countStage(stage, opening.size);
  return stage;
}

/**
 * A stage goes on where an earlier one ends, for the same platform whatever it says itself.
 * @throws EngineError invalid
 */
export function openOnStage(earlier: StagePlan, { size, platform: _, ...opening }: Opening): StagePlan {
  countStage(earlier, size);
  return {
    ...earlier,
    ...opening,
    scope: copyScope(earlier.scope),
    settings: copySettings(earlier.settings),
    history: [...earlier.history],
    declaredArgs: new Set(earlier.declaredArgs),
    hasOwnCmd: false,
    steps: [],
    depth: earlier.depth + earlier.steps.length,
  };
}

/** What instructions add to is the stage's own; all else of them is replaced, never changed. */
function copySettings(settings: Partial<ImageSettings>): Partial<ImageSettings> {
  const { Labels, Volumes, ExposedPorts } = settings;
  return {
    ...settings,
    ...(Labels && { Labels: { ...Labels } }),
    ...(Volumes && { Volumes: { ...Volumes } }),
    ...(ExposedPorts && { ExposedPorts: { ...ExposedPorts } }),
  };
}

function countStage({ scope, settings, history, declaredArgs }: StagePlan, size: PlanSize): void {
  const { Labels, Volumes, ExposedPorts } = settings;
  const named = [Labels, Volumes, ExposedPorts].map((one) => Object.keys(one ?? {}).length);
  const { env, args, values } = scope;
  const counts = [env.size, args.size, values.size, history.length, declaredArgs.size, ...named];
  countInherited(
    size,
    counts.reduce((sum, count) => sum + count, 0),
  );
}

export function imageNode({ layers, name }: BaseImage, range?: Range): Node {
  return { kind: "image", name, layers, ...(range && { range }) };
}

export function nodeOfNamed(named: BaseImage | Node): Node {
  return "kind" in named ? named : imageNode(named);
}

/** For which platform an image is. */
export function platformOfBase({ config: { os, architecture, variant } }: BaseImage): Platform | undefined {
  if (!os || !architecture) return undefined;
  return { os, architecture, ...(variant && { variant }) };
}
