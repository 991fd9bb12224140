import type { Arg, Dockerfile } from "./instructions.ts";
import { expand } from "./words.ts";

/** An argument from before the first FROM. */
export interface GlobalArg {
  arg: Arg;
  name: string;
  comment: string | undefined;
  value: string | undefined;
  /** The variables that its default takes its value from. */
  uses: ReadonlySet<string>;
}

/** What FROM may use: values by name, and which of them were declared. */
export interface GlobalScope {
  values: Map<string, string>;
  declared: Map<string, GlobalArg>;
}

/**
 * @param given the build's arguments
 * @param predefined BUILDPLATFORM, TARGETPLATFORM and the like
 * @throws EngineError invalid for a default that cannot be expanded
 */
export function openGlobalScope(
  { globalArgs, escape: escaper }: Dockerfile,
  given: ReadonlyMap<string, string>,
  predefined: ReadonlyMap<string, string>,
): GlobalScope {
  const scope: GlobalScope = { values: new Map(predefined), declared: new Map() };
  for (const arg of globalArgs) {
    for (const { name, value: standard, comment } of arg.args) {
      let value = given.get(name);
      let uses: ReadonlySet<string> = new Set();
      if (value === undefined && standard !== undefined) {
        const expansion = expand(standard, (one) => scope.values.get(one), { escape: escaper });
        value = expansion.text;
        uses = expansion.used;
      }
      if (value !== undefined) scope.values.set(name, value);
      scope.declared.set(name, { arg, name, comment, value, uses });
    }
  }
  return scope;
}
