import { goRow } from "../../formats/go-template/go-template.ts";
import { defineCommand } from "../command.ts";
import { bool, string } from "../flag.ts";
import { compareNaturally } from "../natural-order.ts";
import { ellipsis, formatHelp, printList } from "../output.ts";
import { defaultContext } from "./choose.ts";
import { contextNamed } from "./endpoint-config.ts";
import { type Context, listContexts } from "./store.ts";

const headers = {
  Name: "NAME",
  Description: "DESCRIPTION",
  DockerEndpoint: "DOCKER ENDPOINT",
  Error: "ERROR",
};
const longestDescription = 60;
const longestError = 45;

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    format: string("", formatHelp),
    quiet: bool("q", "Only show context names"),
  },
  async run({ cli, flags }) {
    const { context: current, override } = cli.choice();
    const stored = listContexts(cli.configFolder).map((context) => ({ context, error: "" }));
    const all = [...stored, { context: contextNamed(cli, defaultContext), error: "" }];
    if (!all.some(({ context }) => context.name === current))
      all.push(missing(() => contextNamed(cli, current), current));
    all.sort((a, b) => compareNaturally(a.context.name, b.context.name));
    const isTable = flags.format === "" || flags.format.startsWith("table");
    printList(cli, {
      format: flags.quiet && isTable ? "{{.Name}}" : flags.format,
      table: "{{.Name}}{{if .Current}} *{{end}}\t{{.Description}}\t{{.DockerEndpoint}}\t{{.Error}}",
      headers,
      rows: all.map(({ context: { name, description, host }, error }) =>
        goRow("*formatter.clientContextContext", {
          Current: () => name === current,
          Name: () => name,
          Description: () => (isTable ? ellipsis(description, longestDescription) : description),
          DockerEndpoint: () => host,
          Error: () => (isTable ? ellipsis(error, longestError) : error),
        }),
      ),
    });
    if (override && !flags.quiet)
      cli.warn(
        `Warning: ${override} environment variable overrides the active context. To use a context, either set the global --context flag, or unset ${override} environment variable.`,
      );
    return 0;
  },
});

function missing(get: () => Context, name: string): { context: Context; error: string } {
  const none = { name, description: "", host: "", skipsTlsVerify: false };
  try {
    return { context: get(), error: "" };
  } catch (error) {
    return { context: none, error: error instanceof Error ? error.message : String(error) };
  }
}
