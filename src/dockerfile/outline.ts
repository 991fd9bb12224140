import { type GlobalScope, openGlobalScope } from "./global-scope.ts";
import type { Arg, Dockerfile, Range, Run, Stage } from "./instructions.ts";
import { LayeredMap, layerOf } from "./layered-map.ts";
import { parseRunMount } from "./run-mount.ts";
import { findBases, findTarget, nearestFirst, reachableStages } from "./stage-links.ts";
import { expand } from "./words.ts";

/** What a build takes, besides files. */
export interface Outline {
  name: string | undefined;
  description: string | undefined;
  args: OutlineArg[];
  secrets: OutlineKey[];
  ssh: OutlineKey[];
}

interface OutlineArg {
  name: string;
  description: string | undefined;
  value: string | undefined;
  range: Range;
}

interface OutlineKey {
  name: string;
  isRequired: boolean;
  range: Range;
}

export interface OutlineInput {
  buildArgs: ReadonlyMap<string, string>;
  /** BUILDPLATFORM, TARGETPLATFORM and the like. */
  predefined: ReadonlyMap<string, string>;
  /** Undefined: the last stage. */
  target?: string;
  /** "NAME=VALUE" of the images that stages go on from, by the stages' numbers, as far as they are known. */
  environments?: ReadonlyMap<number, readonly string[]>;
}

/** Of one stage. */
interface StageOutline {
  /** Of several of one name the last counts. */
  args: Map<string, OutlineArg>;
  /** Names of global arguments as well. */
  used: Set<string>;
  /** Of several of one name the first counts. */
  secrets: Map<string, OutlineKey>;
  ssh: Map<string, OutlineKey>;
}

/** @throws EngineError invalid without such a target, or for words that cannot be expanded */
export function outlineDockerfile(dockerfile: Dockerfile, input: OutlineInput): Outline {
  const target = findTarget(dockerfile, input.target);
  const globals = openGlobalScope(dockerfile, input.buildArgs, input.predefined);
  const images = new Map(dockerfile.stages.map((stage) => [stage, imageOf(dockerfile, stage, globals)]));
  const bases = findBases(dockerfile, (stage) => images.get(stage)!.text);
  const environments = new Map<Stage, LayeredMap<string>>();
  const outlines = new Map<Stage, StageOutline>();
  for (const stage of reachableStages(dockerfile, target, bases)) {
    const base = bases.get(stage);
    const env = base
      ? new LayeredMap(environments.get(base))
      : layerOf(input.environments?.get(stage.index) ?? []);
    environments.set(stage, env);
    const { used } = images.get(stage)!;
    const outline: StageOutline = {
      args: new Map(),
      used: new Set(used),
      secrets: new Map(),
      ssh: new Map(),
    };
    outlineStage(stage, { dockerfile, input, globals, outline, env });
    outlines.set(stage, outline);
  }
  const ordered = nearestFirst(dockerfile, target, bases).map((stage) => outlines.get(stage)!);
  return {
    name: target.name,
    description: describeStage(target),
    args: byLine(firstOf(ordered.map((outline) => usedArgs(outline, globals)))),
    secrets: byLine(firstOf(ordered.map(({ secrets }) => secrets))),
    ssh: byLine(firstOf(ordered.map(({ ssh }) => ssh))),
  };
}

/** Of things of one name the first counts. */
function firstOf<T>(maps: readonly ReadonlyMap<string, T>[]): Map<string, T> {
  return new Map(maps.toReversed().flatMap((map) => [...map]));
}

/** What the comment above its FROM says of a stage. */
export function describeStage({ name, from }: Stage): string | undefined {
  const prefix = `${name} `;
  const line = from.comment?.split("\n").find((one) => one.startsWith(prefix));
  return name === undefined ? undefined : line?.slice(prefix.length);
}

function imageOf({ escape: escaper }: Dockerfile, { from }: Stage, { values }: GlobalScope) {
  const read = (word: string) => expand(word, (name) => values.get(name), { escape: escaper });
  const image = read(from.image);
  const platform = from.platform === undefined ? [] : read(from.platform).used;
  return { text: image.text, used: new Set([...image.used, ...platform]) };
}

/** The stage's own arguments, and global ones with those that their defaults are made of. */
function usedArgs({ args, used }: StageOutline, { declared }: GlobalScope): Map<string, OutlineArg> {
  const found = new Map<string, OutlineArg>();
  const waiting = new Set(used);
  // A set that grows is walked to its end.
  for (const name of waiting) {
    const own = args.get(name);
    const known = declared.get(name);
    if (own) found.set(name, own);
    else if (known) {
      for (const one of known.uses) waiting.add(one);
      const { arg, comment, value } = known;
      found.set(name, { name, description: comment, value, range: arg.range });
    }
  }
  return found;
}

interface StageWork {
  dockerfile: Dockerfile;
  input: OutlineInput;
  globals: GlobalScope;
  outline: StageOutline;
  env: LayeredMap<string>;
}

function outlineStage({ instructions }: Stage, work: StageWork): void {
  const read = (word: string) =>
    expand(word, (name) => work.env.get(name), { escape: work.dockerfile.escape }).text;
  for (const instruction of instructions) {
    if (instruction.kind === "arg") outlineArg(instruction, work, read);
    else if (instruction.kind === "run") outlineMounts(instruction, work.outline, read);
    else if (instruction.kind === "env") {
      const pairs = instruction.pairs.map(({ key, value }) => [read(key), read(value)] as const);
      for (const [key, value] of pairs) work.env.set(key, value);
    }
  }
}

function outlineArg({ args, range }: Arg, work: StageWork, read: (word: string) => string): void {
  const { globals, outline, env } = work;
  for (const { name, value: standard, comment } of args) {
    outline.used.add(name);
    const given = work.input.buildArgs.get(name);
    const global = globals.values.get(name);
    // One that is declared again is the global one.
    if (given === undefined && standard === undefined && global !== undefined) {
      env.set(name, global);
      continue;
    }
    const value = given ?? (standard === undefined ? undefined : read(standard));
    if (value !== undefined) env.set(name, value);
    outline.args.set(name, { name, description: comment, value, range });
  }
}

function outlineMounts({ mounts, range }: Run, outline: StageOutline, read: (word: string) => string): void {
  for (const text of mounts) {
    const mount = parseRunMount(text, read);
    if (mount.type !== "secret" && mount.type !== "ssh") continue;
    const keys = mount.type === "secret" ? outline.secrets : outline.ssh;
    const { id, isRequired } = mount;
    if (!keys.has(id)) keys.set(id, { name: id, isRequired, range });
  }
}

function byLine<T extends { range: Range }>(all: ReadonlyMap<string, T>): T[] {
  return [...all.values()].toSorted((one, other) => one.range.start.line - other.range.start.line);
}
