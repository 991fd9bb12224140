import { defineCommand } from "../command.ts";
import { forEachArgument } from "../each.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  arity: [1],
  flags: { force: bool("f", "Force the removal of one or more volumes") },
  async run({ cli, flags, args }) {
    const client = await cli.client();
    return forEachArgument(cli, args, async (name) => {
      await client.volumes.remove(name, { force: flags.force });
      return name;
    });
  },
});
