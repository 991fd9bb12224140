import { shortId } from "../../formats/digest.ts";
import type { ImageHistoryItem } from "../../formats/docker-api/docker-api.ts";
import { goRow } from "../../formats/go-template/go-template.ts";
import { formatAge, formatSize } from "../../formats/units.ts";
import { defineCommand } from "../command.ts";
import { bool, string } from "../flag.ts";
import { ellipsis, formatHelp, formatLocalRfc3339, printList } from "../output.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE",
  arity: [1, 1],
  flags: {
    format: string("", formatHelp),
    human: bool("H", "Print sizes and dates in human readable format", true),
    "no-trunc": bool("", "Don't truncate output"),
    platform: string(
      "",
      'Show history for the given platform. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
    quiet: bool("q", "Only show image IDs"),
  },
  async run({ cli, flags, args: [name = ""] }) {
    const client = await cli.client();
    const items = await client.images.history(name, { platform: flags.platform || undefined });
    const created = flags.human ? "{{.CreatedSince}}" : "{{.CreatedAt}}";
    printList(cli, {
      format: flags.quiet ? "{{.ID}}" : flags.format,
      table: `{{.ID}}\t${created}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
      headers: {
        ID: "IMAGE",
        CreatedSince: "CREATED",
        CreatedAt: "CREATED AT",
        CreatedBy: "CREATED BY",
        Size: "SIZE",
        Comment: "COMMENT",
      },
      rows: items.map((item) => historyRow(item, { isTruncated: !flags["no-trunc"], isHuman: flags.human })),
    });
  },
});

function historyRow(item: ImageHistoryItem, options: { isTruncated: boolean; isHuman: boolean }) {
  const author = item.CreatedBy.replaceAll("\t", " ");
  return goRow("*formatter.historyContext", {
    ID: () => (options.isTruncated ? shortId(item.Id) : item.Id),
    CreatedAt: () => formatLocalRfc3339(item.Created),
    CreatedSince: () => (item.Created > 0 ? `${formatAge(Date.now() / 1000 - item.Created)} ago` : "N/A"),
    CreatedBy: () => (options.isTruncated ? ellipsis(author, 45) : author),
    Size: () => (options.isHuman ? formatSize(item.Size, 3) : String(item.Size)),
    Comment: () => item.Comment,
  });
}
