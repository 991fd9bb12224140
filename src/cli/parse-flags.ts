import { messageOf } from "../errors.ts";
import type { Flag, FlagTable, FlagValues } from "./flag.ts";
import { hintAtLongFlag, hintAtShortFlags } from "./suggest.ts";

/** A wrong command line: told with the usage line, exit code 125. */
export class FlagError extends Error {}

export interface ParsedFlags<F> {
  values: FlagValues<F>;
  /** The flags that were given, also when with their default. */
  given: ReadonlySet<string>;
  args: string[];
}

/** What has been read of a command line so far. */
interface Reading {
  flags: FlagTable;
  argv: readonly string[];
  /** The next word. */
  at: number;
  values: Map<string, unknown>;
  given: Set<string>;
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
  const reading: Reading = { flags, argv, at: 0, values, given: new Set() };
  const args: string[] = [];
  while (reading.at < argv.length) {
    const argument = argv[reading.at++]!;
    if (argument === "--") {
      args.push(...argv.slice(reading.at));
      break;
    }
    if (argument.startsWith("--")) readLong(reading, argument);
    else if (argument.startsWith("-") && argument !== "-") readShorts(reading, argument);
    else {
      args.push(argument);
      if (options.interspersed) continue;
      args.push(...argv.slice(reading.at));
      break;
    }
  }
  return { values: Object.fromEntries(values) as FlagValues<F>, given: reading.given, args };
}

/** `--name`, `--name=value`, `--name value` */
function readLong(reading: Reading, argument: string): void {
  const equals = argument.indexOf("=");
  const name = equals === -1 ? argument.slice(2) : argument.slice(2, equals);
  const flag = Object.hasOwn(reading.flags, name) ? reading.flags[name] : undefined;
  if (name === "" || name.startsWith("-")) throw new FlagError(`bad flag syntax: ${argument}`);
  if (flag === undefined)
    throw new FlagError(`unknown flag: --${name}${hintAtLongFlag(reading.flags, name)}`);
  if (equals !== -1) setFlag(reading, name, flag, argument.slice(equals + 1));
  else if (flag.placeholder === "") setFlag(reading, name, flag, "true");
  else setFlag(reading, name, flag, takeValue(reading, `--${name}`));
}

/** `-abc`, `-p80`, `-p=80`, `-p 80` */
function readShorts(reading: Reading, argument: string): void {
  for (let letter = 1; letter < argument.length; letter++) {
    const label = `'${argument[letter]}' in -${argument.slice(letter)}`;
    const [name, flag] =
      Object.entries(reading.flags).findLast(([, { short }]) => short === argument[letter]) ?? [];
    if (name === undefined || flag === undefined)
      throw new FlagError(`unknown shorthand flag: ${label}${hintAtShortFlags(reading.flags, argument)}`);
    const rest = argument.slice(letter + 1);
    const isSwitch = flag.placeholder === "" && !rest.startsWith("=");
    if (isSwitch) {
      setFlag(reading, name, flag, "true");
      continue;
    }
    setFlag(reading, name, flag, rest === "" ? takeValue(reading, label) : rest.replace(/^=/, ""));
    return;
  }
}

/** The next word, as the value of the flag that `label` names. */
function takeValue(reading: Reading, label: string): string {
  const value = reading.argv[reading.at++];
  if (value === undefined) throw new FlagError(`flag needs an argument: ${label}`);
  return value;
}

function setFlag({ values, given }: Reading, name: string, flag: Flag<unknown>, text: string): void {
  try {
    values.set(name, flag.apply(values.get(name), text));
  } catch (error) {
    const label = flag.short === "" ? `--${name}` : `-${flag.short}, --${name}`;
    throw new FlagError(`invalid argument ${JSON.stringify(text)} for "${label}" flag: ${messageOf(error)}`);
  }
  given.add(name);
}
