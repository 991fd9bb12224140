import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "VOLUME NEW_NAME",
  arity: [2, 2],
  flags: {},
  async run({ cli, args: [name = "", to = ""] }) {
    const client = await cli.client();
    await client.volumes.rename(name, to);
  },
});
