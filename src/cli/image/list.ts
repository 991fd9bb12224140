import { defineCommand } from "../command.ts";
import { filterFlag, toFilters } from "../filter.ts";
import { bool, string } from "../flag.ts";
import { formatHelp, printList } from "../output.ts";
import { imageHeaders, imageLines, imageRow } from "./row.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  arity: [0, 1],
  flags: {
    all: bool("a", "Show all images (default hides intermediate images)"),
    digests: bool("", "Show digests"),
    filter: filterFlag("Filter output based on conditions provided"),
    format: string("", formatHelp),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only show image IDs"),
    tree: { ...bool("", "List multi-platform images as a tree"), isHidden: true },
  },
  async run({ cli, flags, args: [reference] }) {
    if (flags.tree) throw new Error("not yet supported: --tree");
    const filters = { ...toFilters(flags.filter) };
    if (reference) filters.reference = [...(filters.reference ?? []), reference];
    const client = await cli.client();
    const images = await client.images.list({ all: flags.all, filters });
    const format = flags.format || (flags.quiet ? "" : (cli.config.imagesFormat ?? ""));
    const isPlain = format === "" || format === "table";
    const hasDigests = flags.digests || format.includes(".Digest");
    printList(cli, {
      format: flags.quiet && isPlain ? "{{.ID}}" : format,
      table: `{{.Repository}}\t{{.Tag}}\t${flags.digests ? "{{.Digest}}\t" : ""}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
      headers: imageHeaders,
      rows: imageLines(images, { hasDigests }).map((line) =>
        imageRow(line, { isTruncated: !flags["no-trunc"] }),
      ),
    });
  },
});
