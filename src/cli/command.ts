import type { Cli } from "./cli.ts";
import { bool, type FlagTable, type FlagValues } from "./flag.ts";
import { FlagError, parseFlags } from "./parse-flags.ts";

interface Invocation<F> {
  cli: Cli;
  flags: FlagValues<F>;
  /** The names of the flags that were given. */
  given: ReadonlySet<string>;
  args: string[];
}

/** How many arguments: at least, and at most when it is bounded. */
type Arity = readonly [min: number, max?: number];

export interface CommandSpec<F extends FlagTable> {
  /** What follows the command in the usage line: `[OPTIONS] CONTAINER [CONTAINER...]`. */
  usage: string | readonly string[];
  /** Further lines of the help, after the summary. */
  description?: string;
  arity: Arity;
  /** False for run, create and exec: what follows the first argument belongs to the container's command. */
  isInterspersed?: boolean;
  flags: F;
  /** Exit code of the process; 0 when nothing is returned. */
  run(invocation: Invocation<F>): Promise<number | undefined>;
}

export interface Command {
  spec: Pick<CommandSpec<FlagTable>, "usage" | "description" | "flags">;
  /** `path` is the command as the user typed it, for messages. */
  execute(cli: Cli, path: string, argv: readonly string[]): Promise<number>;
}

/** Ends the command with a message on stderr and an exit code; the message may be empty. */
export class ExitError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message = "") {
    super(message);
    this.exitCode = exitCode;
  }
}

export class HelpRequest extends Error {}

export function defineCommand<F extends FlagTable>(spec: CommandSpec<F>): Command {
  return {
    spec,
    async execute(cli, path, argv) {
      const flags = { ...spec.flags, help: bool("h" in shortsOf(spec.flags) ? "" : "h", "Print usage") };
      const { values, given, args } = parseCommandLine(flags, argv, path, spec);
      if (values.help) throw new HelpRequest();
      if (cli.invoked) cli.invoked.line = { values, given, args };
      checkArity(path, spec, args.length);
      return (await spec.run({ cli, flags: values as FlagValues<F>, given, args })) ?? 0;
    },
  };
}

const shortsOf = (flags: FlagTable) =>
  Object.fromEntries(Object.values(flags).map((flag) => [flag.short, true] as const));

function parseCommandLine<F extends FlagTable>(
  flags: F,
  argv: readonly string[],
  path: string,
  spec: { usage: string | readonly string[]; isInterspersed?: boolean },
) {
  try {
    return parseFlags(flags, argv, { interspersed: spec.isInterspersed ?? true });
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    throw new ExitError(125, `${error.message}\n\n${formatUsage(path, spec.usage)}\n\n${pointToHelp(path)}`);
  }
}

export const pointToHelp = (path: string, verb = "Run") =>
  `${verb} 'berth ${path} --help' for more information`;

export function formatUsage(path: string, usage: string | readonly string[]): string {
  const [first, ...others] = typeof usage === "string" ? [usage] : usage;
  return [
    `Usage:  berth ${path} ${first}`.trimEnd(),
    ...others.map((line) => `\tberth ${path} ${line}`),
  ].join("\n");
}

function checkArity(path: string, spec: { usage: string | readonly string[]; arity: Arity }, count: number) {
  const [min, max] = spec.arity;
  if (count >= min && (max === undefined || count <= max)) return;
  const plural = (number: number) => `${number} argument${number === 1 ? "" : "s"}`;
  const wanted =
    max === 0
      ? "accepts no arguments"
      : max === min
        ? `requires ${plural(min)}`
        : min > 0 && max !== undefined
          ? `requires at least ${min} and at most ${plural(max)}`
          : count < min
            ? `requires at least ${plural(min)}`
            : `requires at most ${plural(max ?? 0)}`;
  const pointer = pointToHelp(path, count < min && max === undefined ? "See" : "Run");
  throw new ExitError(
    1,
    `berth: 'berth ${path}' ${wanted}\n\n${formatUsage(path, spec.usage)}\n\n${pointer}`,
  );
}
