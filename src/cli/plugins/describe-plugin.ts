import { execFile } from "node:child_process";
import { isObject } from "../../formats/json.ts";
import type { Cli } from "../cli.ts";
import { listPlugins, type Plugin } from "./plugins.ts";

const timeoutMilliseconds = 3000;
const mostBytes = 64 * 1024;
const longestText = 200;

/** All that answer, with what they say they are for. */
export async function describePlugins(cli: Cli): Promise<[name: string, summary: string][]> {
  const described = listPlugins(cli).map(async (plugin) => ({ plugin, text: await describePlugin(plugin) }));
  const all = await Promise.all(described);
  return all.flatMap(({ plugin, text }) => (text === undefined ? [] : [[`${plugin.name}*`, text]]));
}

/** What a plugin says it is for; undefined for one that does not answer as plugins do. */
function describePlugin({ path }: Plugin): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { timeout: timeoutMilliseconds, maxBuffer: mostBytes, killSignal: "SIGKILL" as const };
    execFile(path, ["docker-cli-plugin-metadata"], options, (error, stdout) => {
      resolve(error ? undefined : readDescription(stdout));
    });
  });
}

function readDescription(text: string): string | undefined {
  try {
    const metadata: unknown = JSON.parse(text);
    if (!isObject(metadata) || !("ShortDescription" in metadata)) return undefined;
    return String(metadata.ShortDescription)
      .replace(/[\p{Cc}]/gu, " ")
      .slice(0, longestText);
  } catch {
    return undefined;
  }
}
