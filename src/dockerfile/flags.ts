import { invalid } from "../errors.ts";
import { suggest } from "./suggest.ts";

/** How often a flag may be given, and with what. */
export type FlagKind = "boolean" | "once" | "often";

/** The values given, by flag; a boolean's are "true" or "false". */
export type Flags<Name extends string> = { [name in Name]?: string[] };

/** @param words each begins with `--`. @throws EngineError invalid, in BuildKit's words */
export function readFlags<Name extends string>(
  words: readonly string[],
  kinds: Record<Name, FlagKind>,
): Flags<Name> {
  const flags: Flags<Name> = Object.create(null);
  for (const word of words) {
    const equals = word.indexOf("=");
    const name = word.slice(2, equals < 0 ? undefined : equals);
    if (!isName(name, kinds)) throw invalid(suggest(`unknown flag: --${name}`, name, Object.keys(kinds)));
    const kind = kinds[name];
    if (flags[name] && kind !== "often") throw invalid(`duplicate flag specified: --${name}`);
    const value = equals < 0 ? undefined : word.slice(equals + 1);
    flags[name] ??= [];
    flags[name].push(kind === "boolean" ? readBoolean(name, value) : (value ?? missing(name)));
  }
  return flags;
}

const isName = <Name extends string>(name: string, kinds: Record<Name, FlagKind>): name is Name =>
  Object.hasOwn(kinds, name);

function readBoolean(name: string, value: string | undefined): string {
  if (value === undefined) return "true";
  if (value === "") return missing(name);
  const lower = value.toLowerCase();
  if (lower === "true" || lower === "false") return lower;
  throw invalid(`expecting boolean value for flag --${name}, not: ${value}`);
}

function missing(name: string): never {
  throw invalid(`missing a value on flag: --${name}`);
}
