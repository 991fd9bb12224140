import { defineCommand, ExitError } from "../command.ts";
import { checkLabel } from "../container/create-values.ts";
import { openInput } from "../file-input.ts";
import { map, repeated } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] VOLUME [file|-]",
  arity: [1, 2],
  flags: {
    label: repeated("", "Set metadata for the volume", "list", checkLabel),
    opt: map("o", "Set driver specific options (size)"),
  },
  async run({ cli, flags, args: [name = "", file = "-"] }) {
    if (file === "-" && cli.stdin.isTTY)
      throw new ExitError(1, "requested import from stdin, but stdin is a terminal: name a file or redirect");
    const input = file === "-" ? cli.stdin : openInput(cli, file);
    const client = await cli.client();
    const opts = Object.entries(flags.opt).map(([key, value]) => `${key}=${value}`);
    cli.print((await client.volumes.import(name, input, { labels: flags.label, opts })).Name);
  },
});
