import { ApiError } from "../../client/api-error.ts";
import { defineCommand } from "../command.ts";
import { forEachArgument } from "../each.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "NETWORK [NETWORK...]",
  arity: [1],
  flags: { force: bool("f", "Do not error if the network does not exist") },
  async run({ cli, flags, args }) {
    const client = await cli.client();
    return forEachArgument(cli, args, async (name) => {
      try {
        await client.networks.remove(name);
      } catch (error) {
        if (flags.force && error instanceof ApiError && error.status === 404) return undefined;
        throw error;
      }
      return name;
    });
  },
});
