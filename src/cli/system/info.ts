import type { InfoResponse } from "../../formats/docker-api/docker-api-system.ts";
import {
  executeTemplate,
  formatJson,
  goStruct,
  type Template,
  TemplateError,
} from "../../formats/go-template/go-template.ts";
import { formatBinarySize } from "../../formats/units.ts";
import type { Cli } from "../cli.ts";
import { defineCommand } from "../command.ts";
import { string } from "../flag.ts";
import { executeOrExit, inspectFormatHelp, parseOrExit } from "../output.ts";
import { type ClientInfo, clientInfo, clientLines, clientStruct, pluginWarnings } from "./client-info.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: string("f", inspectFormatHelp) },
  async run({ cli, flags }) {
    const template = flags.format === "" || flags.format === "json" ? undefined : parseOrExit(flags.format);
    const client = await clientInfo(cli);
    if (template !== undefined && isOfClientAlone(template, client)) {
      cli.print(executeOrExit(template, templateData(client), ""));
      return undefined;
    }
    if (flags.format === "") {
      cli.print(clientLines(client).join("\n"));
      for (const warning of pluginWarnings(client)) cli.warn(warning);
      cli.print("\nServer:");
    }
    const info = await (await cli.client()).info();
    if (template !== undefined) cli.print(executeOrExit(template, templateData(client, info), ""));
    else if (flags.format === "json") cli.print(formatJson({ ...info, ClientInfo: client }));
    else {
      cli.print(serverLines(info).join("\n"));
      cli.print("");
      warnAll(cli, info);
    }
    return undefined;
  },
});

const templateData = (client: ClientInfo, info?: InfoResponse) =>
  goStruct(
    "system.dockerInfo",
    { ...info, ClientInfo: clientStruct(client) },
    { ...info, ClientInfo: client },
  );

/** Then no engine is asked, as with Docker. A template without the name of a field may show all there is. */
function isOfClientAlone(template: Template, client: ClientInfo): boolean {
  if (!/\.[a-zA-Z]/.test(template.source)) return false;
  try {
    executeTemplate(template, goStruct("", { ClientInfo: clientStruct(client) }, undefined));
    return true;
  } catch (error) {
    if (error instanceof TemplateError) return false;
    throw error;
  }
}

function warnAll(cli: Cli, info: InfoResponse): void {
  for (const warning of info.Warnings ?? []) cli.warn(warning);
}

function serverLines(info: InfoResponse): string[] {
  const join = (items: readonly string[] | null | undefined) => [...(items ?? [])].join(" ");
  return [
    ` Containers: ${info.Containers}`,
    `  Running: ${info.ContainersRunning}`,
    `  Paused: ${info.ContainersPaused}`,
    `  Stopped: ${info.ContainersStopped}`,
    ` Images: ${info.Images}`,
    ...field("Server Version", info.ServerVersion),
    ...field("Storage Driver", info.Driver),
    ...(info.DriverStatus ?? []).map(([name, value]) => `  ${name}: ${value}`),
    ...field("Logging Driver", info.LoggingDriver),
    ...field("Cgroup Driver", info.CgroupDriver),
    ...field("Cgroup Version", info.CgroupVersion),
    " Plugins:",
    `  Volume: ${join(info.Plugins?.Volume)}`,
    `  Network: ${join(info.Plugins?.Network)}`,
    ...(info.Plugins?.Authorization?.length ? [`  Authorization: ${join(info.Plugins.Authorization)}`] : []),
    `  Log: ${join(info.Plugins?.Log)}`,
    ...listLines("CDI spec directories", info.CDISpecDirs),
    ...listLines(
      "Discovered Devices",
      info.DiscoveredDevices?.map(({ Source, ID }) => `${Source}: ${ID}`),
    ),
    ` Swarm: ${info.Swarm?.LocalNodeState ?? "inactive"}`,
    ` Runtimes: ${Object.keys(info.Runtimes ?? {})
      .sort()
      .join(" ")}`,
    ` Default Runtime: ${info.DefaultRuntime}`,
    ...field("Init Binary", info.InitBinary),
    ...(info.ContainerdCommit?.ID ? [` containerd version: ${info.ContainerdCommit.ID}`] : []),
    ...(info.RuncCommit === undefined ? [] : [` runc version: ${info.RuncCommit.ID}`]),
    ...(info.InitCommit === undefined ? [] : [` init version: ${info.InitCommit.ID}`]),
    ...securityLines(info.SecurityOptions ?? []),
    ...hostLines(info),
  ];
}

function hostLines(info: InfoResponse): string[] {
  const registry = info.RegistryConfig;
  return [
    ...field("Kernel Version", info.KernelVersion),
    ...field("Operating System", info.OperatingSystem),
    ...field("OSType", info.OSType),
    ...field("Architecture", info.Architecture),
    ` CPUs: ${info.NCPU}`,
    ` Total Memory: ${formatBinarySize(info.MemTotal)}`,
    ...field("Name", info.Name),
    ...field("ID", info.ID),
    ` Docker Root Dir: ${info.DockerRootDir}`,
    ` Debug Mode: ${info.Debug}`,
    ...field("HTTP Proxy", info.HttpProxy),
    ...field("HTTPS Proxy", info.HttpsProxy),
    ...field("No Proxy", info.NoProxy),
    ...listLines("Labels", info.Labels),
    ` Experimental: ${info.ExperimentalBuild}`,
    ...listLines("Insecure Registries", registry?.InsecureRegistryCIDRs),
    ...listLines("Registry Mirrors", registry?.Mirrors),
    ` Live Restore Enabled: ${info.LiveRestoreEnabled}`,
    ...listLines(
      "Default Address Pools",
      info.DefaultAddressPools?.map(({ Base, Size }) => `Base: ${Base}, Size: ${Size}`),
      3,
    ),
    ...field("Firewall Backend", info.FirewallBackend?.Driver),
  ];
}

const field = (name: string, value: string | undefined) => (value ? [` ${name}: ${value}`] : []);

const listLines = (name: string, items: readonly string[] | null | undefined, indent = 2) =>
  items?.length ? [` ${name}:`, ...items.map((item) => " ".repeat(indent) + item)] : [];

/** `name=seccomp,profile=default` → the name, and the rest below it. */
function securityLines(options: readonly string[]): string[] {
  if (options.length === 0) return [];
  const lines = options.flatMap((option) => {
    const pairs = option.split(",").map((pair) => pair.split("=") as [string, string?]);
    return pairs.map(([key, value = ""]) =>
      key === "name" ? `  ${value}` : `   ${key.charAt(0).toUpperCase()}${key.slice(1)}: ${value}`,
    );
  });
  return [" Security Options:", ...lines];
}
