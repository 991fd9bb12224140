import { formatSize } from "../../formats/units.ts";
import { defineCommand } from "../command.ts";
import { confirm } from "../confirm.ts";
import { filterFlag, toPruneFilters } from "../filter.ts";
import { bool, bytes } from "../flag.ts";

export const command = defineCommand({
  usage: "",
  arity: [0, 0],
  flags: {
    all: bool("a", "Remove all unused build cache, not just dangling ones"),
    filter: filterFlag('Provide filter values (e.g. "until=24h")', ""),
    force: bool("f", "Do not prompt for confirmation"),
    "keep-storage": bytes("", "Amount of disk space to keep for cache"),
  },
  async run({ cli, flags }) {
    const warning = `WARNING! This will remove all ${flags.all ? "" : "dangling "}build cache.`;
    if (!flags.force && !(await confirm(cli, warning))) return;
    const client = await cli.client();
    const { CachesDeleted, SpaceReclaimed = 0 } = await client.pruneBuilds({
      all: flags.all,
      filters: toPruneFilters(cli, flags.filter),
      keepBytes: flags["keep-storage"],
    });
    if (CachesDeleted?.length) cli.print(`Deleted build cache objects:\n${CachesDeleted.join("\n")}\n`);
    cli.print(`Total reclaimed space: ${formatSize(SpaceReclaimed)}`);
  },
});
