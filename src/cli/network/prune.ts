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
    const warning = "WARNING! This will remove all custom networks not used by at least one container.";
    if (!flags.force && !(await confirm(cli, warning))) return;
    const client = await cli.client();
    const { NetworksDeleted } = await client.networks.prune(toPruneFilters(cli, flags.filter));
    if (NetworksDeleted?.length) cli.print(`Deleted Networks:\n${NetworksDeleted.join("\n")}\n`);
  },
});
