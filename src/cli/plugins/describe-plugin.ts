import { execFile } from "node:child_process";
import { parseJson } from "../../formats/json.ts";
import { decode, omitEmpty, struct, text } from "../../formats/shape.ts";
import type { Cli } from "../cli.ts";
import { listPlugins, type Plugin, pluginNamePattern } from "./plugins.ts";

const timeoutSeconds = 3;
const mostBytes = 64 * 1024;
const metadataShape = struct("metadata.Metadata", {
  SchemaVersion: omitEmpty(text),
  Vendor: omitEmpty(text),
  Version: omitEmpty(text),
  ShortDescription: omitEmpty(text),
  URL: omitEmpty(text),
});

/** A plugin as `info` shows it: what it says of itself, or why it cannot be used. Members without a value are missing. */
export interface DescribedPlugin {
  SchemaVersion?: string;
  Vendor?: string;
  Version?: string;
  ShortDescription?: string;
  URL?: string;
  Name: string;
  Path: string;
  Err?: string;
}

/** All there are, in the order of their names. */
export function describePlugins(cli: Cli): Promise<DescribedPlugin[]> {
  return Promise.all(
    listPlugins(cli).map((plugin) => {
      const { name } = plugin;
      if (!pluginNamePattern.test(name))
        return failed(plugin, `plugin candidate "${name}" did not match "${pluginNamePattern.source}"`);
      return cli.isCommand(name)
        ? failed(plugin, `plugin "${name}" duplicates builtin command`)
        : describePlugin(plugin);
    }),
  );
}

const oneLine = (text: string) => text.replace(/\p{Cc}/gu, " ");

const failed = ({ name, path }: Plugin, fault: string): DescribedPlugin => ({
  ...{ Name: name, Path: path },
  Err: oneLine(fault),
});

function describePlugin(plugin: Plugin): Promise<DescribedPlugin> {
  const options = { timeout: timeoutSeconds * 1000, maxBuffer: mostBytes, killSignal: "SIGKILL" as const };
  return new Promise((resolve) => {
    execFile(plugin.path, ["docker-cli-plugin-metadata"], options, (error, stdout) => {
      resolve(error ? failed(plugin, `failed to fetch metadata: ${reasonOf(error)}`) : read(plugin, stdout));
    });
  });
}

function reasonOf(error: Error & { code?: unknown; killed?: boolean }): string {
  if (error.code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") return `it is longer than ${mostBytes} bytes`;
  if (error.killed) return `no answer within ${timeoutSeconds} seconds`;
  return typeof error.code === "number" ? `exit status ${error.code}` : error.message;
}

function read(plugin: Plugin, answer: string): DescribedPlugin {
  try {
    const metadata = decode(metadataShape, parseJson(answer, "JSON"), "Metadata");
    const shown = Object.entries(metadata).map(([name, value]) => [name, oneLine(value)]);
    const fault = faultOf(metadata.SchemaVersion ?? "", metadata.Vendor ?? "");
    const described = { ...Object.fromEntries(shown), Name: plugin.name, Path: plugin.path };
    return fault === "" ? described : { ...described, Err: fault };
  } catch (error) {
    return failed(plugin, `invalid metadata: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** In Docker's words; empty where the plugin can be used. */
function faultOf(schema: string, vendor: string): string {
  if (schema === "") return "plugin SchemaVersion version cannot be empty";
  const major = /^(\d+)\.\d+\.\d+$/.exec(schema)?.[1];
  if (major === undefined)
    return `plugin SchemaVersion "${schema}" has wrong format: must be <major>.<minor>.<patch>`;
  if (Number(major) > 1) return `plugin SchemaVersion "${schema}" is not supported: must be lower than 2.0.0`;
  return vendor === "" ? "plugin metadata does not define a vendor" : "";
}
