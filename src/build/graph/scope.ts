import { type ExpandOptions, expandWord, expandWords } from "../../dockerfile/words.ts";
import { defaultPath } from "../../runtime/defaults.ts";
import { countText, type PlanSize } from "./plan-size.ts";

/** The variables of a stage. */
export interface Scope {
  /** What the image's environment has, in the order in which it was first set. */
  env: Map<string, string>;
  /** Declared arguments; undefined for those without a value. */
  args: Map<string, string | undefined>;
  /** What instructions and commands see: of ENV and ARG what was said last. */
  values: Map<string, string>;
  escape: ExpandOptions["escape"];
  /** Of the plan that the stage is part of. */
  size: PlanSize;
}

export function valueIn({ values }: Scope, name: string): string | undefined {
  return values.get(name);
}

/** @throws EngineError invalid */
export function expandIn(scope: Scope, word: string): string {
  const text = expandWord(word, (name) => valueIn(scope, name), { escape: scope.escape });
  countText(scope.size, text.length);
  return text;
}

/** @throws EngineError invalid */
export function expandListIn(scope: Scope, word: string): string[] {
  const words = expandWords(word, (name) => valueIn(scope, name), { escape: scope.escape });
  countText(
    scope.size,
    words.reduce((sum, { length }) => sum + length, 0),
  );
  return words;
}

/** "NAME=VALUE" of all that a command sees. @throws EngineError invalid */
export function environmentOf({ values, size }: Scope): string[] {
  for (const [name, value] of values) countText(size, name.length + value.length);
  return [...values].map(([name, value]) => `${name}=${value}`);
}

export function copyScope({ env, args, values, escape: escaper, size }: Scope): Scope {
  return { env: new Map(env), args: new Map(args), values: new Map(values), escape: escaper, size };
}

/** What a stage begins with: its image's, with the usual PATH behind it where it says nothing of that. */
export function firstEnvironment(list: readonly string[]): Map<string, string> {
  const env = parseEnvironment(list);
  if (!env.has("PATH")) env.set("PATH", defaultPath.slice("PATH=".length));
  return env;
}

function parseEnvironment(list: readonly string[]): Map<string, string> {
  return new Map(
    list.map((entry) => {
      const equals = entry.indexOf("=");
      return equals < 0 ? [entry, ""] : [entry.slice(0, equals), entry.slice(equals + 1)];
    }),
  );
}

/** They need no ARG, and are in no history and no cache key. */
const proxyNames = ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"];
const isProxy = (name: string) => proxyNames.includes(name.toUpperCase());

export function proxiesOf(buildArgs: ReadonlyMap<string, string>): string[] {
  return [...buildArgs].filter(([name]) => isProxy(name)).map(([name, value]) => `${name}=${value}`);
}
