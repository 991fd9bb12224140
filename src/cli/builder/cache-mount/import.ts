import { defineCommand, ExitError } from "../../command.ts";
import { openInput } from "../../file-input.ts";
import { bool, string } from "../../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME [file|-]",
  arity: [1, 2],
  flags: {
    namespace: string("", "That of builds with BUILDKIT_CACHE_MOUNT_NS"),
    replace: bool("", "Remove what is there by that name"),
  },
  async run({ cli, flags, args: [name = "", file = "-"] }) {
    if (file === "-" && cli.stdin.isTTY)
      throw new ExitError(1, "requested import from stdin, but stdin is a terminal: name a file or redirect");
    const input = file === "-" ? cli.stdin : openInput(cli, file);
    const client = await cli.client();
    cli.print((await client.cacheMounts.import(name, input, flags)).ID);
  },
});
