import { setFlagsFromString } from "node:v8";
import { ApiError, ConnectionError } from "../client/api-error.ts";
import { defaultHost } from "../client/host.ts";
import { hasCode } from "../errors.ts";
import { type Cli, createCli, globalFlags } from "./cli.ts";
import { ExitError, HelpRequest } from "./command.ts";
import { findCommand } from "./find-command.ts";
import { groups, ownPrograms } from "./groups.ts";
import { FlagError, type ParsedFlags, parseFlags } from "./parse-flags.ts";
import { readerGone, whenWritten } from "./standard-output.ts";
import { describeError } from "./system-error.ts";
import { explainUnknown } from "./unknown-command.ts";

// process.exit waits for V8's compiler threads, and one of them may wait for a collection of garbage that the main thread no
// longer makes: the process would hang when all is done. So nothing is compiled on threads.
for (const flag of ["--no-concurrent-recompilation", "--no-concurrent-sparkplug", "--no-maglev"])
  setFlagsFromString(flag);

/** Runs one command line and gives the exit code of the process. */
async function main(
  argv: readonly string[],
  streams: Pick<Cli, "stdin" | "stdout" | "stderr" | "env">,
): Promise<number> {
  let parsed: ParsedFlags<typeof globalFlags>;
  try {
    parsed = parseFlags(globalFlags, argv, { interspersed: false });
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    streams.stderr.write(
      `${error.message}\n\nUsage:  berth [OPTIONS] COMMAND [ARG...]\n\nRun 'berth --help' for more information\n`,
    );
    return 125;
  }
  const cli = createCli(parsed.values, parsed.given, streams, isCommand);
  try {
    const code = await dispatch(cli, parsed, argv);
    await callHooks(cli, code === 0 ? "" : `exit status ${code}`);
    return code;
  } catch (error) {
    await callHooks(cli, describeFailure(error));
    return report(cli, error);
  }
}

/** Plugins may have something to say after a command, at a terminal. */
async function callHooks(cli: Cli, failure: string): Promise<void> {
  if (!cli.invoked || !cli.stdout.isTTY || !cli.config.plugins) return;
  // Of a plugin's own command that has failed it has said all itself.
  if (failure !== "" && cli.invoked.isPlugin) return;
  const { runHooks } = await import("./plugins/hooks.ts");
  await runHooks(cli, cli.invoked, failure);
}

async function dispatch(
  cli: Cli,
  { values, args }: ParsedFlags<typeof globalFlags>,
  argv: readonly string[],
): Promise<number> {
  const words = args[0] === "help" ? [...args.slice(1), "--help"] : args;
  if (values.version) {
    const asked = { values: { ...values, version: false }, given: new Set<string>(), args: ["--version"] };
    return dispatch(cli, asked, argv);
  }
  if (words[0] === "--version") {
    const { version } = await import("../formats/version.ts");
    cli.print(`Berth version ${version}`);
    return 0;
  }
  if (words.length === 0 || words[0] === "--help" || values.help) {
    const { formatMainHelp } = await import("./help.ts");
    const { describePlugins } = await import("./plugins/describe-plugin.ts");
    cli.print(formatMainHelp(globalFlags, cli.stdout.columns ?? 80, await describePlugins(cli)));
    return 0;
  }
  if (words[0] === "__complete") {
    const { command } = await import("./completion/complete.ts");
    return command.execute(cli, "__complete", words.slice(1));
  }
  const found = findCommand(words);
  if (found === undefined) {
    const before = argv.slice(0, argv.length - args.length);
    return (await runAsPlugin(cli, words, before)) ?? explainUnknown(cli, words);
  }
  const { name, path, entry, rest } = found;
  if (entry.load === undefined) throw new ExitError(1, `berth: 'berth ${path}' is not yet supported`);
  cli.invoked = { words: (path.includes(" ") ? name : path).split(" "), isPlugin: false };
  const { command } = await entry.load();
  try {
    return await command.execute(cli, path, rest);
  } catch (error) {
    if (!(error instanceof HelpRequest)) throw error;
    const { formatCommandHelp } = await import("./help.ts");
    cli.print(formatCommandHelp(path, name, command, cli.stdout.columns ?? 80));
    return 0;
  }
}

const isCommand = (name: string) =>
  Object.hasOwn(groups, name) || ownPrograms.includes(name) || findCommand([name]) !== undefined;

/** @param globalFlags as they were given, which are the plugin's too. @returns undefined when there is none of that name */
async function runAsPlugin(
  cli: Cli,
  words: readonly string[],
  globalFlags: readonly string[],
): Promise<number | undefined> {
  const [name = ""] = words;
  if (Object.hasOwn(groups, name)) return undefined;
  const { findPlugin } = await import("./plugins/plugins.ts");
  const { refuseMissingPlugin, runPlugin } = await import("./plugins/run-plugin.ts");
  const plugin = findPlugin(cli, name);
  if (plugin) {
    cli.invoked = { words, isPlugin: true };
    return runPlugin(cli, plugin, [...globalFlags, ...words]);
  }
  refuseMissingPlugin(name);
  return undefined;
}

function describeFailure(error: unknown): string {
  if (error instanceof ExitError) return error.message || `exit status ${error.exitCode}`;
  return error instanceof ApiError ? `Error response from daemon: ${error.message}` : describeError(error);
}

/** One sentence on stderr; a stack only for what is a bug of ours. */
function report(cli: Cli, error: unknown): number {
  if (error instanceof ExitError) {
    if (error.message !== "") cli.warn(error.message);
    return error.exitCode;
  }
  // Of a reader that went away (`berth save x | head`) nothing is said. A daemon that went away is another matter.
  if (hasCode(error, "EPIPE") && (cli.stdout.errored || cli.stderr.errored)) return readerGone;
  cli.warn(describeFailure(error));
  if (error instanceof ConnectionError && error.message.includes(` ${defaultHost}. `)) {
    cli.warn("Start the engine with 'berth daemon', or name another with -H or BERTH_HOST.");
  }
  if (cli.env.BERTH_DEBUG && error instanceof Error) cli.warn(error.stack ?? "");
  return 1;
}

// At its exit Node waits for V8's threads, and one that compiles for Maglev may be waiting for a garbage collection by this one:
// neither ever ends. For commands as short as ours the compilers below and above it do.
process.getBuiltinModule("node:v8").setFlagsFromString("--no-maglev");
process.on("uncaughtException", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(readerGone);
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
const exitCode = await main(process.argv.slice(2), process);
// A pipe takes as much as its reader has room for: what it has not taken yet would be lost.
await Promise.all([process.stdout, process.stderr].map(whenWritten));
const isReaderGone = [process.stdout, process.stderr].some(({ errored }) => hasCode(errored, "EPIPE"));
// What a detached or killed command left open must not hold us.
process.exit(isReaderGone ? readerGone : exitCode);
