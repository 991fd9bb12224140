import { defineCommand } from "../command.ts";
import { forEachArgument, severalAtOnce } from "../each.ts";
import { string } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1],
  flags: { signal: string("s", "Signal to send to the container") },
  async run({ cli, flags, args }) {
    const client = await cli.client();
    const kill = async (id: string) => {
      await client.containers.kill(id, flags.signal || undefined);
      return id;
    };
    return forEachArgument(cli, args, kill, severalAtOnce);
  },
});
