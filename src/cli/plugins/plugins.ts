import { accessSync, constants, readdirSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { Cli } from "../cli.ts";

/** A program that adds a command, by Docker's plugin protocol: `docker-compose` adds `compose`. */
export interface Plugin {
  name: string;
  path: string;
}

const systemFolders = [
  "/usr/local/lib/docker/cli-plugins",
  "/usr/local/libexec/docker/cli-plugins",
  "/usr/lib/docker/cli-plugins",
  "/usr/libexec/docker/cli-plugins",
];
/** As Docker has it. */
export const pluginNamePattern = /^[a-z][a-z0-9]*$/;
const prefix = "docker-";

/** Where plugins are looked for, the first place that has one counting. */
function foldersOf(cli: Cli): string[] {
  const { cliPluginsExtraDirs: more } = cli.config;
  const own = [join(cli.configFolder, "cli-plugins"), join(homedir(), ".docker", "cli-plugins")];
  return [...new Set([...(more ?? []), ...own, ...systemFolders])];
}

export function findPlugin(cli: Cli, name: string): Plugin | undefined {
  return pluginNamePattern.test(name) ? locate(cli, name) : undefined;
}

function locate(cli: Cli, name: string): Plugin | undefined {
  const path = foldersOf(cli)
    .map((folder) => join(folder, `${prefix}${name}`))
    .find(isProgram);
  return path === undefined ? undefined : { name, path };
}

/** All programs that are called as plugins are, in the order of their names; some cannot be run by what they are called. */
export function listPlugins(cli: Cli): Plugin[] {
  const names = new Set(
    foldersOf(cli)
      .flatMap(listFolder)
      .filter((file) => file.startsWith(prefix))
      .map((file) => file.slice(prefix.length)),
  );
  return [...names].sort().flatMap((name) => locate(cli, name) ?? []);
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
