import type { CacheMountSummary } from "../../../client/cache-mounts.ts";
import { goRow } from "../../../formats/go-template/go-template.ts";
import { formatAge, formatSize } from "../../../formats/units.ts";
import { defineCommand } from "../../command.ts";
import { bool, string } from "../../flag.ts";
import { formatHelp, printList } from "../../output.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: { format: string("", formatHelp), quiet: bool("q", "Only show names") },
  async run({ cli, flags }) {
    const client = await cli.client();
    const mounts = await client.cacheMounts.list();
    printList(cli, {
      format: flags.quiet ? "{{.Name}}" : flags.format,
      table: "{{.ID}}\t{{.Name}}\t{{.Size}}\t{{.InUse}}\t{{.LastUsed}}",
      headers: { ID: "ID", Name: "NAME", Size: "SIZE", InUse: "IN USE", LastUsed: "LAST USED" },
      rows: mounts.map(rowOf),
    });
  },
});

function rowOf(mount: CacheMountSummary) {
  return goRow("*cachemount.lsContext", {
    ID: () => mount.ID,
    Name: () => mount.Name,
    Size: () => formatSize(mount.Size),
    InUse: () => String(mount.InUse),
    LastUsed: () => `${formatAge((Date.now() - Date.parse(mount.LastUsedAt)) / 1000)} ago`,
    CreatedAt: () => mount.CreatedAt,
    Description: () => mount.Description,
    UsageCount: () => String(mount.UsageCount),
  });
}
