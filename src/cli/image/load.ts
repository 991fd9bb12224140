import { defineCommand, ExitError } from "../command.ts";
import { openInput } from "../file-input.ts";
import { bool, repeated, string } from "../flag.ts";
import { showProgress } from "../progress.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  arity: [0, 0],
  flags: {
    input: string("i", "Read from tar archive file, instead of STDIN"),
    platform: repeated(
      "",
      'Load only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
      "strings",
    ),
    quiet: bool("q", "Suppress the load output"),
  },
  async run({ cli, flags }) {
    if (flags.input === "" && cli.stdin.isTTY)
      throw new ExitError(1, "requested load from stdin, but stdin is empty");
    const tar = flags.input === "" ? cli.stdin : openInput(cli, flags.input);
    const client = await cli.client();
    const isQuiet = flags.quiet || !cli.stdout.isTTY;
    await showProgress(
      cli.stdout,
      await client.images.load(tar, { quiet: isQuiet, platform: flags.platform }),
    );
  },
});
