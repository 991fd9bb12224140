import { invalid } from "../errors.ts";
import { quoteGo } from "../formats/go-template/go-template-printf.ts";
import { type GlobalScope, openGlobalScope } from "./global-scope.ts";
import type { Arg, Dockerfile, Range, Run, Stage } from "./instructions.ts";
import { LayeredMap, layerOf } from "./layered-map.ts";
import { parseRunMount } from "./run-mount.ts";
import { findBases, findStage, reachableStages } from "./stage-links.ts";
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

/** What is gathered; the first of a name counts. */
interface Gathered {
  /** Those that have been followed. */
  globals: Set<string>;
  args: Map<string, OutlineArg>;
  secrets: Map<string, OutlineKey>;
  ssh: Map<string, OutlineKey>;
}

/** @throws EngineError invalid without such a target, or for words that cannot be expanded */
export function outlineDockerfile(dockerfile: Dockerfile, input: OutlineInput): Outline {
  const { target: wanted } = input;
  const target = wanted === undefined ? dockerfile.stages.at(-1) : findStage(dockerfile, wanted);
  if (!target) throw invalid(`target stage ${quoteGo(wanted ?? "")} could not be found`);
  const globals = openGlobalScope(dockerfile, input.buildArgs, input.predefined);
  const images = new Map(dockerfile.stages.map((stage) => [stage, imageOf(dockerfile, stage, globals)]));
  const bases = findBases(dockerfile, (stage) => images.get(stage)!.text);
  const environments = new Map<Stage, LayeredMap<string>>();
  const gathered: Gathered = { globals: new Set(), args: new Map(), secrets: new Map(), ssh: new Map() };
  for (const stage of reachableStages(dockerfile, target, bases)) {
    for (const name of images.get(stage)!.used) addGlobal(gathered, globals, name);
    const base = bases.get(stage);
    const env = base
      ? new LayeredMap(environments.get(base))
      : layerOf(input.environments?.get(stage.index) ?? []);
    environments.set(stage, env);
    outlineStage(stage, { dockerfile, input, globals, gathered, env });
  }
  return {
    name: target.name,
    description: describeStage(target),
    args: byLine(gathered.args),
    secrets: byLine(gathered.secrets),
    ssh: byLine(gathered.ssh),
  };
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

/** With those that its default is made of. */
function addGlobal({ globals: seen, args }: Gathered, { declared }: GlobalScope, name: string): void {
  const waiting = [name];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const known = declared.get(next);
    if (!known || seen.has(next)) continue;
    seen.add(next);
    waiting.push(...known.uses);
    const { arg, comment, value } = known;
    if (!args.has(next)) args.set(next, { name: next, description: comment, value, range: arg.range });
  }
}

interface StageWork {
  dockerfile: Dockerfile;
  input: OutlineInput;
  globals: GlobalScope;
  gathered: Gathered;
  env: LayeredMap<string>;
}

function outlineStage({ instructions }: Stage, work: StageWork): void {
  const read = (word: string) =>
    expand(word, (name) => work.env.get(name), { escape: work.dockerfile.escape }).text;
  for (const instruction of instructions) {
    if (instruction.kind === "arg") outlineArg(instruction, work, read);
    else if (instruction.kind === "run") outlineMounts(instruction, work.gathered, read);
    else if (instruction.kind === "env") {
      const pairs = instruction.pairs.map(({ key, value }) => [read(key), read(value)] as const);
      for (const [key, value] of pairs) work.env.set(key, value);
    }
  }
}

function outlineArg({ args, range }: Arg, work: StageWork, read: (word: string) => string): void {
  const { globals, gathered, env } = work;
  for (const { name, value: standard, comment } of args) {
    const given = work.input.buildArgs.get(name);
    const global = globals.values.get(name);
    // One that is declared again is the global one.
    if (given === undefined && standard === undefined && global !== undefined) {
      env.set(name, global);
      addGlobal(gathered, globals, name);
      continue;
    }
    const value = given ?? (standard === undefined ? undefined : read(standard));
    if (value !== undefined) env.set(name, value);
    if (!gathered.args.has(name)) gathered.args.set(name, { name, description: comment, value, range });
  }
}

function outlineMounts({ mounts, range }: Run, gathered: Gathered, read: (word: string) => string): void {
  for (const text of mounts) {
    const mount = parseRunMount(text, read);
    if (mount.type !== "secret" && mount.type !== "ssh") continue;
    const keys = mount.type === "secret" ? gathered.secrets : gathered.ssh;
    const { id, isRequired } = mount;
    if (!keys.has(id)) keys.set(id, { name: id, isRequired, range });
  }
}

function byLine<T extends { range: Range }>(all: ReadonlyMap<string, T>): T[] {
  return [...all.values()].toSorted((one, other) => one.range.start.line - other.range.start.line);
}
