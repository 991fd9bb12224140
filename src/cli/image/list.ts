import { defineCommand } from "../command.ts";
import { filterFlag, toFilters } from "../filter.ts";
import { bool, string } from "../flag.ts";
import { formatHelp, printList } from "../output.ts";
import { imageHeaders, imageLines, imageRows } from "./row.ts";
import { formatImageTree } from "./tree.ts";

const treeWarning =
  "WARNING: This is an experimental feature. The output may change and shouldn't be depended on.";

/** Docker names a flag by what it once was. */
const refused = (flags: { quiet: boolean; "no-trunc": boolean; digests: boolean; format: string }) =>
  [
    ["--quiet", flags.quiet],
    ["--no-trunc", flags["no-trunc"]],
    ["--show-digest", flags.digests],
    ["--format", flags.format !== ""],
  ] as const;

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
    tree: bool("", "List multi-platform images as a tree (EXPERIMENTAL)"),
  },
  async run({ cli, flags, args: [reference] }) {
    const filters = { ...toFilters(flags.filter) };
    if (reference) filters.reference = [...(filters.reference ?? []), reference];
    const client = await cli.client();
    if (flags.tree) {
      for (const [flag, isGiven] of refused(flags))
        if (isGiven) throw new Error(`${flag} is not yet supported with --tree`);
      cli.warn(treeWarning);
      const all = await client.images.list({ all: flags.all, filters, manifests: true });
      cli.print(formatImageTree(all));
      return;
    }
    const images = await client.images.list({ all: flags.all, filters });
    const format = flags.format || (flags.quiet ? "" : (cli.config.imagesFormat ?? ""));
    const isPlain = format === "" || format === "table";
    const hasDigests = flags.digests || format.includes(".Digest");
    const digest = flags.digests ? "digest: {{.Digest}}\n" : "";
    printList(cli, {
      raw: flags.quiet
        ? "image_id: {{.ID}}"
        : `repository: {{.Repository}}\ntag: {{.Tag}}\n${digest}image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n`,
      format: flags.quiet && isPlain ? "{{.ID}}" : format,
      table: `{{.Repository}}\t{{.Tag}}\t${flags.digests ? "{{.Digest}}\t" : ""}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
      headers: imageHeaders,
      rows: imageLines(images, { hasDigests })
        .values()
        .map(imageRows({ isTruncated: !flags["no-trunc"] })),
    });
  },
});
