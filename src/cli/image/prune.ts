import { formatSize } from "../../formats/units.ts";
import { defineCommand } from "../command.ts";
import { confirm } from "../confirm.ts";
import { filterFlag, toPruneFilters } from "../filter.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    all: bool("a", "Remove all unused images, not just dangling ones"),
    filter: filterFlag('Provide filter values (e.g. "until=<timestamp>")', ""),
    force: bool("f", "Do not prompt for confirmation"),
  },
  async run({ cli, flags }) {
    const warning = flags.all
      ? "WARNING! This will remove all images without at least one container associated to them."
      : "WARNING! This will remove all dangling images.";
    if (!flags.force && !(await confirm(cli, warning))) return;
    const client = await cli.client();
    const filters = { ...toPruneFilters(cli, flags.filter), dangling: [String(!flags.all)] };
    const { ImagesDeleted, SpaceReclaimed = 0 } = await client.images.prune(filters);
    if (ImagesDeleted?.length) cli.print(formatDeletedImages(ImagesDeleted));
    cli.print(`Total reclaimed space: ${formatSize(SpaceReclaimed)}`);
  },
});

export function formatDeletedImages(items: readonly { Untagged?: string; Deleted?: string }[]): string {
  const lines = items.map((item) =>
    item.Untagged ? `untagged: ${item.Untagged}` : `deleted: ${item.Deleted}`,
  );
  return `Deleted Images:\n${lines.join("\n")}\n`;
}
