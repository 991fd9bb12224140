import { connectBuilder, type Worker } from "../../client/build/builder.ts";
import { goRow } from "../../formats/go-template/go-template.ts";
import { formatPlatform } from "../../formats/platform.ts";
import type { Cli } from "../cli.ts";
import { defineCommand } from "../command.ts";
import { string } from "../flag.ts";
import { formatHelp, printList } from "../output.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: string("", formatHelp) },
  async run({ cli, flags }) {
    const client = await cli.client();
    const builder = await connectBuilder(client.transport);
    try {
      printWorkers(cli, flags.format, client.host, await builder.listWorkers());
    } finally {
      builder.close();
    }
  },
});

function printWorkers(cli: Cli, format: string, host: string, workers: readonly Worker[]): void {
  printList(cli, {
    format,
    table: "{{.Name}}\t{{.Endpoint}}\t{{.Status}}\t{{.Buildkit}}\t{{.Platforms}}",
    headers: {
      ...{ Name: "NAME", Endpoint: "ENDPOINT", Status: "STATUS" },
      ...{ Buildkit: "BUILDKIT", Platforms: "PLATFORMS" },
    },
    rows: workers.map(({ id, buildkitVersion, platforms }) =>
      goRow("*commands.lsContext", {
        Name: () => id,
        Endpoint: () => host,
        Status: () => "running",
        Buildkit: () => buildkitVersion?.version ?? "",
        Platforms: () => platforms.map(describePlatform).join(", "),
      }),
    ),
  });
}

function describePlatform({ os, architecture, variant }: Worker["platforms"][number]): string {
  return formatPlatform({ os, architecture, ...(variant !== "" && { variant }) });
}
