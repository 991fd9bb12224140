import { defineCommand, ExitError } from "../command.ts";
import { openInput } from "../file-input.ts";

export const command = defineCommand({
  usage: "VOLUME [file|-]",
  arity: [1, 2],
  flags: {},
  async run({ cli, args: [name = "", file = "-"] }) {
    if (file === "-" && cli.stdin.isTTY)
      throw new ExitError(1, "requested import from stdin, but stdin is a terminal: name a file or redirect");
    const input = file === "-" ? cli.stdin : openInput(cli, file);
    const client = await cli.client();
    cli.print((await client.volumes.import(name, input)).Name);
  },
});
