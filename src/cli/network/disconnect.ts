import { defineCommand } from "../command.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NETWORK CONTAINER",
  arity: [2, 2],
  flags: { force: bool("f", "Force the container to disconnect from a network") },
  async run({ cli, flags, args: [network = "", container = ""] }) {
    const client = await cli.client();
    await client.networks.disconnect(network, { Container: container, Force: flags.force });
  },
});
