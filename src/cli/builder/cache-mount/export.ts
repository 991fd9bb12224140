import { defineCommand, ExitError } from "../../command.ts";
import { saveStream } from "../../file-output.ts";
import { string } from "../../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME",
  arity: [1, 1],
  flags: { output: string("o", "Write to a file, instead of STDOUT") },
  async run({ cli, flags, args: [name = ""] }) {
    if (flags.output === "" && cli.stdout.isTTY)
      throw new ExitError(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    const client = await cli.client();
    const open = () => client.cacheMounts.export(name);
    await saveStream(cli, flags.output, open, "failed to export cache mount");
  },
});
