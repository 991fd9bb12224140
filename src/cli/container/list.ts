import { defineCommand } from "../command.ts";
import { filterFlag, toFilters } from "../filter.ts";
import { bool, int, string } from "../flag.ts";
import { formatHelp, printList } from "../output.ts";
import { containerHeaders, containerRows, rawContainer } from "./row.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    all: bool("a", "Show all containers (default shows just running)"),
    filter: filterFlag("Filter output based on conditions provided"),
    format: string("", formatHelp),
    last: int("n", "Show n last created containers (includes all states)", -1),
    latest: bool("l", "Show the latest created container (includes all states)"),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only display container IDs"),
    size: bool("s", "Display total file sizes"),
  },
  async run({ cli, flags, given }) {
    const limit = flags.latest && !given.has("last") ? 1 : flags.last;
    if (flags.quiet && flags.format) {
      cli.warn("WARNING: Ignoring custom format, because both --format and --quiet are set.");
    }
    const format = flags.quiet ? "{{.ID}}" : flags.format || (cli.config.psFormat ?? "");
    const client = await cli.client();
    const containers = await client.containers.list({
      all: flags.all,
      limit: limit > 0 ? limit : undefined,
      // Working sizes out is dear: only when a column shows them.
      size: flags.size || /\.Size\b|json \.(?!\w)/.test(format),
      brief: flags.quiet || format === "" || format === "table",
      filters: toFilters(flags.filter),
    });
    const columns = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";
    printList(cli, {
      format,
      table: flags.size ? `${columns}\t{{.Size}}` : columns,
      raw: flags.size ? `${rawContainer}size: {{.Size}}\n` : rawContainer,
      headers: containerHeaders,
      rows: containers.values().map(containerRows({ isTruncated: !flags["no-trunc"] })),
    });
  },
});
