import { type GoStruct, goStruct } from "../../formats/go-template/go-template.ts";
import { apiVersion, version } from "../../formats/version.ts";
import type { Cli } from "../cli.ts";
import { type DescribedPlugin, describePlugins } from "../plugins/describe-plugin.ts";

/** The part of `info` that is about the command line itself. */
export interface ClientInfo {
  Debug: boolean;
  Version: string;
  DefaultAPIVersion: string;
  GitCommit: string;
  Os: string;
  Arch: string;
  Context: string;
  Plugins: DescribedPlugin[];
  Warnings: null;
}

/** Asks all plugins what they are. */
export async function clientInfo(cli: Cli): Promise<ClientInfo> {
  return {
    Debug: cli.isDebug,
    Version: version,
    DefaultAPIVersion: apiVersion,
    GitCommit: "",
    Os: process.platform,
    Arch: process.arch === "x64" ? "amd64" : process.arch,
    Context: cli.choice().context,
    Plugins: await describePlugins(cli),
    Warnings: null,
  };
}

export function clientStruct(info: ClientInfo): GoStruct {
  const plugins = info.Plugins.map((plugin) =>
    goStruct(
      "plugin.Plugin",
      {
        ...{ SchemaVersion: "", Vendor: "", Version: "", ShortDescription: "", URL: "", Err: null },
        ...plugin,
        ShadowedPaths: [],
      },
      plugin,
    ),
  );
  return goStruct("system.clientInfo", { ...info, GoVersion: "", BuildTime: "", Plugins: plugins }, info);
}

export const clientLines = (info: ClientInfo): string[] => [
  "Client:",
  ` Version:    ${info.Version}`,
  ` Context:    ${info.Context}`,
  ` Debug Mode: ${info.Debug}`,
  ...pluginLines(info.Plugins.filter(({ Err }) => Err === undefined)),
];

export const pluginWarnings = ({ Plugins }: ClientInfo): string[] =>
  Plugins.flatMap(({ Path, Err }) =>
    Err === undefined ? [] : [`WARNING: Plugin "${Path}" is not valid: ${Err}`],
  );

const pluginLines = (plugins: readonly DescribedPlugin[]) =>
  plugins.length === 0
    ? []
    : [
        " Plugins:",
        ...plugins.flatMap(({ Name, ShortDescription = "", Vendor, Version, Path }) => [
          `  ${Name}: ${ShortDescription} (${Vendor})`,
          ...(Version === undefined ? [] : [`    Version:  ${Version}`]),
          `    Path:     ${Path}`,
        ]),
      ];
