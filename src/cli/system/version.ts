import type { VersionResponse } from "../../formats/docker-api/docker-api-system.ts";
import { formatJson, type GoStruct, goStruct } from "../../formats/go-template/go-template.ts";
import { apiVersion, version } from "../../formats/version.ts";
import type { Cli } from "../cli.ts";
import { defineCommand } from "../command.ts";
import { string } from "../flag.ts";
import { executeOrExit, inspectFormatHelp, parseOrExit } from "../output.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: string("f", inspectFormatHelp) },
  async run({ cli, flags }) {
    const template = flags.format === "" || flags.format === "json" ? undefined : parseOrExit(flags.format);
    const { server, negotiated, failure } = await askServer(cli);
    const data = versionStruct(cli.choice().context, negotiated, server);
    if (flags.format === "json") cli.print(formatJson(data));
    else if (template !== undefined) cli.print(executeOrExit(template, data, ""));
    else cli.print(formatVersion(cli.choice().context, negotiated, server));
    // The client's half is printed in any case.
    if (failure !== undefined) throw failure;
  },
});

async function askServer(
  cli: Cli,
): Promise<{ server?: VersionResponse; negotiated: string; failure?: unknown }> {
  try {
    const client = await cli.client();
    const negotiated = await client.negotiate();
    return { server: await client.version(), negotiated };
  } catch (failure) {
    return { negotiated: apiVersion, failure };
  }
}

const architecture = () => (process.arch === "x64" ? "amd64" : process.arch);

function versionStruct(context: string, negotiated: string, server: VersionResponse | undefined): GoStruct {
  const client = {
    Version: version,
    ApiVersion: negotiated,
    DefaultAPIVersion: apiVersion,
    GitCommit: "",
    GoVersion: "",
    Os: process.platform,
    Arch: architecture(),
    BuildTime: "",
    Context: context,
  };
  const typed = (record: object & { ApiVersion: string }) =>
    goStruct("versionInfo", { ...record, APIVersion: record.ApiVersion, Platform: { Name: "" } }, record);
  const serverValue = server === undefined ? null : goStruct("types.Version", serverFields(server), server);
  const json = server === undefined ? { Client: client, Server: null } : { Client: client, Server: server };
  return goStruct("system.versionInfo", { Client: typed(client), Server: serverValue }, json);
}

function serverFields(server: VersionResponse): Record<string, unknown> {
  const components = (server.Components ?? []).map((component) =>
    goStruct("types.ComponentVersion", { ...component, Details: component.Details ?? {} }, component),
  );
  return {
    KernelVersion: "",
    BuildTime: "",
    Experimental: false,
    Platform: { Name: "" },
    ...server,
    APIVersion: server.ApiVersion,
    Components: components,
  };
}

function formatVersion(context: string, negotiated: string, server: VersionResponse | undefined): string {
  const downgraded = negotiated === apiVersion ? "" : ` (downgraded from ${apiVersion})`;
  const lines = [
    "Client: Berth",
    ` Version:           ${version}`,
    ` API version:       ${negotiated}${downgraded}`,
    ` Node version:      ${process.versions.node}`,
    ` OS/Arch:           ${process.platform}/${architecture()}`,
    ` Context:           ${context}`,
  ];
  if (server === undefined) return lines.join("\n");
  lines.push("", `Server:${server.Platform?.Name ? ` ${server.Platform.Name}` : ""}`);
  const engine = { Name: "Engine", Version: server.Version, Details: engineDetails(server) };
  for (const component of server.Components ?? [engine]) {
    lines.push(` ${component.Name}:`, `  ${"Version:".padEnd(17)} ${component.Version}`);
    const details =
      component.Name === "Engine" ? engineDetails(server, component.Details) : (component.Details ?? {});
    for (const [name, value] of Object.entries(details)) lines.push(`  ${`${name}:`.padEnd(17)} ${value}`);
  }
  return lines.join("\n");
}

function engineDetails(
  server: VersionResponse,
  details: Record<string, string> = {},
): Record<string, string> {
  const built = Date.parse(server.BuildTime ?? "");
  const shown: Record<string, string> = {
    "API version": `${server.ApiVersion} (minimum version ${server.MinAPIVersion ?? details.MinAPIVersion ?? "1.24"})`,
    ...(server.GoVersion && { "Go version": server.GoVersion }),
    ...(server.GitCommit && { "Git commit": server.GitCommit }),
    ...(!Number.isNaN(built) && { Built: formatAnsic(new Date(built)) }),
    "OS/Arch": `${server.Os}/${server.Arch}`,
    Experimental: String(server.Experimental ?? details.Experimental ?? false),
  };
  return shown;
}

/** Go's time.ANSIC in UTC: `Thu May  7 21:09:36 2026`. */
function formatAnsic(date: Date): string {
  const [weekday, day = "", month, year, clock] = date.toUTCString().replace(",", "").split(" ");
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${clock} ${year}`;
}
