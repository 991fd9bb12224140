import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "VOLUME NEW_VOLUME",
  arity: [2, 2],
  flags: {},
  async run({ cli, args: [name = "", to = ""] }) {
    const client = await cli.client();
    cli.print((await client.volumes.clone(name, to)).Name);
  },
});
