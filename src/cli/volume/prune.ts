import { formatSize } from "../../formats/units.ts";
import { defineCommand, ExitError } from "../command.ts";
import { confirm } from "../confirm.ts";
import { filterFlag, toPruneFilters } from "../filter.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    all: bool("a", "Remove all unused volumes, not just anonymous ones"),
    filter: filterFlag('Provide filter values (e.g. "label=<label>")', ""),
    force: bool("f", "Do not prompt for confirmation"),
  },
  async run({ cli, flags }) {
    const filters = { ...toPruneFilters(cli, flags.filter) };
    if (flags.all && filters.all !== undefined) {
      throw new ExitError(1, "conflicting options: cannot specify both --all and --filter all=1");
    }
    if (flags.all) filters.all = ["true"];
    const warning = flags.all
      ? "WARNING! This will remove all local volumes not used by at least one container."
      : "WARNING! This will remove anonymous local volumes not used by at least one container.";
    if (!flags.force && !(await confirm(cli, warning))) return;
    const client = await cli.client();
    const { VolumesDeleted, SpaceReclaimed = 0 } = await client.volumes.prune(filters);
    if (VolumesDeleted?.length) cli.print(`Deleted Volumes:\n${VolumesDeleted.join("\n")}\n`);
    cli.print(`Total reclaimed space: ${formatSize(SpaceReclaimed)}`);
  },
});
