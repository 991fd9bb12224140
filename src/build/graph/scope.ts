import { type ExpandOptions, expandWord, expandWords } from "../../dockerfile/words.ts";

/** The variables of a stage: ENV wins over ARG. */
export interface Scope {
  /** In the order in which they were first set. */
  env: Map<string, string>;
  /** Declared ones; undefined for those without a value. */
  args: Map<string, string | undefined>;
  escape: ExpandOptions["escape"];
}

export function valueIn({ env, args }: Scope, name: string): string | undefined {
  return env.get(name) ?? args.get(name);
}

/** @throws EngineError invalid */
export function expandIn(scope: Scope, word: string): string {
  return expandWord(word, (name) => valueIn(scope, name), { escape: scope.escape });
}

export function expandListIn(scope: Scope, word: string): string[] {
  return expandWords(word, (name) => valueIn(scope, name), { escape: scope.escape });
}

/** "NAME=VALUE" of all that a command sees. */
export function environmentOf({ env, args }: Scope): string[] {
  const all = new Map<string, string>();
  for (const [name, value] of args) if (value !== undefined) all.set(name, value);
  for (const [name, value] of env) all.set(name, value);
  return [...all].map(([name, value]) => `${name}=${value}`);
}

export function parseEnvironment(list: readonly string[]): Map<string, string> {
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
