import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { usualHost } from "../../client/host.ts";
import { messageOf } from "../../errors.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { defaultContext } from "../context/choose.ts";
import { openPluginSocket, type PluginSocket } from "./plugin-socket.ts";
import type { Plugin } from "./plugins.ts";

/** Who has it, where it is not installed. */
const packages: Readonly<Record<string, string>> = {
  bake: "docker-buildx-plugin of Docker's repository, or docker-buildx of Debian's",
  buildx: "docker-buildx-plugin of Docker's repository, or docker-buildx of Debian's",
  compose: "docker-compose-plugin of Docker's repository, or docker-compose of Debian's",
  scout: "docker-scout-plugin of Docker's repository",
};

/** @throws ExitError that names the package, for a command that is a plugin's */
export function refuseMissingPlugin(name: string): void {
  const source = Object.hasOwn(packages, name) ? packages[name] : undefined;
  if (source)
    throw new ExitError(1, `berth: '${name}' is a plugin, which is not installed: it is in ${source}`);
}

/**
 * Runs the whole command line as the plugin's. It asks our engine where nothing else is said: plugins know no other default than
 * Docker's.
 * @param argv from the first global flag on
 * @returns the plugin's exit code
 */
export async function runPlugin(cli: Cli, { path }: Plugin, argv: readonly string[]): Promise<number> {
  const socket = await openPluginSocket();
  const env = { ...pluginEnvironment(cli), DOCKER_CLI_PLUGIN_SOCKET: socket.address };
  const child = spawn(path, argv, { stdio: "inherit", env });
  const stopPassing = passSignals(cli, child, socket);
  return new Promise<number>((resolve, reject) => {
    child.on("error", (error) =>
      reject(new ExitError(126, `berth: the plugin ${path} could not be started: ${messageOf(error)}`)),
    );
    child.on("exit", (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  }).finally(() => {
    stopPassing();
    socket.close();
  });
}

const mostRequests = 3;

/** It is the plugin that ends then, or is ended at the third time. Gives the way to stop. */
function passSignals(cli: Cli, child: ChildProcess, socket: PluginSocket): () => void {
  let requests = 0;
  const pass = (signal: NodeJS.Signals) => {
    // What is typed at the terminal reaches it anyway.
    if (["SIGINT", "SIGQUIT"].includes(signal) && isInForeground()) return;
    if (signal === "SIGINT" || signal === "SIGTERM") requests++;
    if (requests === mostRequests) {
      child.kill("SIGKILL");
      cli.warn(`got ${mostRequests} SIGTERM/SIGINTs, forcefully exiting`);
      process.exit(1);
    }
    // Twice would mean that it must not take its time, and it may have got the signal itself.
    if (signal === "SIGINT" && socket.tell()) return;
    child.kill(signal);
  };
  const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
  for (const signal of signals) process.on(signal, pass);
  return () => {
    for (const signal of signals) process.off(signal, pass);
  };
}

/** Whether our process group is the one that a terminal's keys go to. See proc_pid_stat(5). */
function isInForeground(): boolean {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return group === foreground;
}

export function pluginEnvironment(cli: Cli): NodeJS.ProcessEnv {
  const host = hostFor(cli);
  return {
    ...cli.env,
    ...(host !== undefined && { DOCKER_HOST: host }),
    DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND: process.argv[1] ?? "berth",
  };
}

/** What it is to ask, where no flag and no context says it. */
function hostFor(cli: Cli): string | undefined {
  if (cli.choice().context !== defaultContext) return undefined;
  return cli.env.BERTH_HOST || cli.env.DOCKER_HOST || usualHost(cli.env);
}
