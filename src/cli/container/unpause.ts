import { defineCommand } from "../command.ts";
import { forEachArgument } from "../each.ts";

export const command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  arity: [1],
  flags: {},
  async run({ cli, args }) {
    const client = await cli.client();
    return forEachArgument(cli, args, async (id) => {
      await client.containers.unpause(id);
      return id;
    });
  },
});
