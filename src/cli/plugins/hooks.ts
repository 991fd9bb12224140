import { execFile } from "node:child_process";
import { parseGoBool } from "../../formats/go-bool.ts";
import { executeTemplate, goStruct, parseTemplate } from "../../formats/go-template/go-template.ts";
import { templateFunctions } from "../../formats/go-template/go-template-functions.ts";
import { isObject } from "../../formats/json.ts";
import type { Cli, Invoked } from "../cli.ts";
import { hasColors } from "../has-colors.ts";
import { findPlugin, type Plugin } from "./plugins.ts";
import { pluginEnvironment } from "./run-plugin.ts";

/** A plugin that takes longer has nothing to say. */
const timeoutMilliseconds = 10_000;
const mostBytes = 64 * 1024;
/** The longest error that a plugin gets: command lines have a limit. */
const mostErrorCharacters = 4096;

/**
 * Asks the plugins that config.json names for this command what to do next, and prints it (docker/cli, cli-plugins/hooks). Only at a
 * terminal, and only where it is switched on. What a plugin does wrong changes nothing.
 * @param failure how the command has failed; "" when it has not
 */
export async function runHooks(cli: Cli, invoked: Invoked, failure: string): Promise<void> {
  if (!cli.stdout.isTTY || !areHooksOn(cli)) return;
  const asked = Object.entries(cli.config.plugins ?? {}).map(async ([name, settings]) => {
    const match = findMatch(settings ?? {}, invoked.words, failure);
    const plugin = match === undefined ? undefined : findPlugin(cli, name);
    if (match === undefined || !plugin) return [];
    const question = {
      RootCmd: match,
      Flags: flagsOf(invoked),
      CommandError: failure.slice(0, mostErrorCharacters),
    };
    return formatAnswer(await ask(cli, plugin, question), invoked);
  });
  const answers = await Promise.allSettled(asked);
  const lines = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
  if (lines.length === 0) return;
  const title = "\nWhat's next:";
  cli.warn(hasColors(cli.env) ? `\u001b[1m${title}\u001b[0m` : title);
  for (const line of lines) cli.warn(`    ${line}`);
}

function areHooksOn({ env, config }: Cli): boolean {
  const given = env.DOCKER_CLI_HOOKS || env.DOCKER_CLI_HINTS || config.features?.hooks;
  return given !== undefined && parseGoBool(given) === true;
}

/** The words of the configuration that this command begins with. */
function findMatch(
  settings: Readonly<Record<string, string>>,
  words: readonly string[],
  failure: string,
): string | undefined {
  const commands = [settings.hooks, failure === "" ? undefined : settings["error-hooks"]]
    .flatMap((text) => text?.split(",") ?? [])
    .filter((text) => text !== "");
  return commands.find((command) => command.split(" ").every((word, at) => word === words[at]));
}

/** Switches with their value, others by name alone: what they say may be secret. */
function flagsOf({ words, line }: Invoked): Record<string, string> {
  if (!line)
    return Object.fromEntries(
      words.filter((word) => word.startsWith("-")).map((word) => [word.replace(/^--?/, ""), ""]),
    );
  const names = [...line.given].sort();
  return Object.fromEntries(
    names.map((name) => {
      const value = line.values[name];
      return [name, typeof value === "boolean" ? String(value) : ""];
    }),
  );
}

function ask(cli: Cli, { name, path }: Plugin, question: object): Promise<string> {
  const words = [name, "docker-cli-plugin-hooks", JSON.stringify(question)];
  const options = { timeout: timeoutMilliseconds, maxBuffer: mostBytes, killSignal: "SIGKILL" as const };
  return new Promise((resolve) => {
    execFile(path, words, { ...options, env: pluginEnvironment(cli) }, (error, stdout) =>
      resolve(error ? "" : stdout),
    );
  });
}

/** The lines of an answer that is well-formed and not blank; else none. */
function formatAnswer(answer: string, { words, line }: Invoked): string[] {
  try {
    const message: unknown = JSON.parse(answer);
    if (!isObject(message) || (message.type ?? message.Type ?? 0) !== 0) return [];
    const subject = goStruct("*cobra.Command", { Name: words.at(-1) ?? "" }, {});
    const functions = {
      ...templateFunctions,
      flag: (_: unknown, name: unknown) => textOfFlag(line, String(name)),
      arg: (_: unknown, index: unknown) => line?.args[Number(index)] ?? "",
    };
    const template = parseTemplate(String(message.template ?? message.Template ?? ""), functions);
    const text = executeTemplate(template, subject, { functions });
    return text.trim() === "" ? [] : text.split("\n");
  } catch {
    return [];
  }
}

/** As pflag shows a flag's value. @throws Error for a flag that the command does not have */
function textOfFlag(line: Invoked["line"], name: string): string {
  if (!line || !Object.hasOwn(line.values, name)) throw new Error("failed to parse hook template");
  const value = line.values[name];
  return Array.isArray(value) ? `[${value.join(",")}]` : String(value ?? "");
}
