import { defineCommand, ExitError } from "../command.ts";
import { forEachArgument } from "../each.ts";

export const command = defineCommand({
  usage: "CONTAINER [CONTAINER...]",
  arity: [1],
  flags: {},
  async run({ cli, args }) {
    const client = await cli.client();
    return forEachArgument(cli, args, async (id) => {
      const { exit } = await client.containers.wait(id);
      const result = await exit;
      if (result.Error?.Message) throw new ExitError(1, result.Error.Message);
      return String(result.StatusCode);
    });
  },
});
