import { formatSize } from "../../formats/units.ts";
import { defineCommand } from "../command.ts";
import { confirm } from "../confirm.ts";
import { filterFlag, toPruneFilters } from "../filter.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    filter: filterFlag('Provide filter values (e.g. "until=<timestamp>")', ""),
    force: bool("f", "Do not prompt for confirmation"),
  },
  async run({ cli, flags }) {
    if (!flags.force && !(await confirm(cli, "WARNING! This will remove all stopped containers."))) return;
    const client = await cli.client();
    const filters = toPruneFilters(cli, flags.filter);
    const { ContainersDeleted, SpaceReclaimed = 0 } = await client.containers.prune(filters);
    if (ContainersDeleted?.length) cli.print(`Deleted Containers:\n${ContainersDeleted.join("\n")}\n`);
    cli.print(`Total reclaimed space: ${formatSize(SpaceReclaimed)}`);
  },
});
