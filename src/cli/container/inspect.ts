import { defineCommand } from "../command.ts";
import { bool, string } from "../flag.ts";
import { inspectObjects } from "../inspect-objects.ts";
import { inspectFormatHelp } from "../output.ts";
import { getTyped } from "../system/inspect.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1],
  flags: {
    format: string("f", inspectFormatHelp),
    size: bool("s", "Display total file sizes"),
  },
  async run({ cli, flags, args }) {
    const client = await cli.client();
    return inspectObjects(cli, args, flags.format, (id) =>
      getTyped(client, "container", id, { size: flags.size || undefined }),
    );
  },
});
