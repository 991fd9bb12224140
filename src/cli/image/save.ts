import { defineCommand, ExitError } from "../command.ts";
import { saveStream } from "../file-output.ts";
import { repeated, string } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  arity: [1],
  flags: {
    output: string("o", "Write to a file, instead of STDOUT"),
    platform: repeated(
      "",
      'Save only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
      "string",
    ),
  },
  async run({ cli, flags, args }) {
    if (flags.output === "" && cli.stdout.isTTY) {
      throw new ExitError(1, "cowardly refusing to save to a terminal. Use the -o flag or redirect");
    }
    const client = await cli.client();
    const open = () => client.images.save(args, { platform: flags.platform });
    await saveStream(cli, flags.output, open, "failed to save image");
  },
});
