import type { Flag, FlagTable, FlagValues } from "./flag.ts";

/** A wrong command line: told with the usage line, exit code 125. */
export class FlagError extends Error {}

export interface ParsedFlags<F> {
  values: FlagValues<F>;
  /** The flags that were given, also when with their default. */
  given: ReadonlySet<string>;
  args: string[];
}

/**
 * Parses as pflag does: `--name value`, `--name=value`, `-abc`, `-p80`, `-p=80`, `--`.
 * Without `interspersed` the first argument ends the flags.
 * @throws FlagError in pflag's words
 */
export function parseFlags<F extends FlagTable>(
  flags: F,
  argv: readonly string[],
  options: { interspersed: boolean },
): ParsedFlags<F> {
  const values = new Map<string, unknown>(Object.entries(flags).map(([name, flag]) => [name, flag.initial]));
  const shorts = new Map(Object.entries(flags).map(([name, flag]) => [flag.short, name]));
  const given = new Set<string>();
  const args: string[] = [];
  let at = 0;

  const set = (name: string, flag: Flag<unknown>, text: string) => {
    try {
      values.set(name, flag.apply(values.get(name), text));
    } catch (error) {
      const label = flag.short === "" ? `--${name}` : `-${flag.short}, --${name}`;
      const reason = error instanceof Error ? error.message : String(error);
      throw new FlagError(`invalid argument ${JSON.stringify(text)} for "${label}" flag: ${reason}`);
    }
    given.add(name);
  };

  const parseLong = (argument: string) => {
    const equals = argument.indexOf("=");
    const name = equals === -1 ? argument.slice(2) : argument.slice(2, equals);
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (name === "" || name.startsWith("-")) throw new FlagError(`bad flag syntax: ${argument}`);
    if (flag === undefined) throw new FlagError(`unknown flag: --${name}`);
    if (equals !== -1) set(name, flag, argument.slice(equals + 1));
    else if (flag.placeholder === "") set(name, flag, "true");
    else if (at < argv.length) set(name, flag, argv[at++]!);
    else throw new FlagError(`flag needs an argument: --${name}`);
  };

  const parseShorts = (argument: string) => {
    for (let letter = 1; letter < argument.length; letter++) {
      const name = shorts.get(argument[letter]!);
      const flag = name === undefined ? undefined : flags[name];
      if (name === undefined || flag === undefined) {
        throw new FlagError(`unknown shorthand flag: '${argument[letter]}' in -${argument.slice(letter)}`);
      }
      const rest = argument.slice(letter + 1);
      if (rest.startsWith("=")) return set(name, flag, rest.slice(1));
      if (flag.placeholder === "") {
        set(name, flag, "true");
        continue;
      }
      if (rest !== "") return set(name, flag, rest);
      if (at >= argv.length) {
        throw new FlagError(`flag needs an argument: '${argument[letter]}' in -${argument.slice(letter)}`);
      }
      return set(name, flag, argv[at++]!);
    }
  };

  while (at < argv.length) {
    const argument = argv[at++]!;
    if (argument === "--") {
      args.push(...argv.slice(at));
      break;
    }
    if (argument.startsWith("--")) parseLong(argument);
    else if (argument.startsWith("-") && argument !== "-") parseShorts(argument);
    else {
      args.push(argument);
      if (options.interspersed) continue;
      args.push(...argv.slice(at));
      break;
    }
  }
  return { values: Object.fromEntries(values) as FlagValues<F>, given, args };
}
