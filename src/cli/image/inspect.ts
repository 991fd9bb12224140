import { parsePlatform } from "../../formats/platform.ts";
import { defineCommand } from "../command.ts";
import { string } from "../flag.ts";
import { inspectObjects } from "../inspect-objects.ts";
import { inspectFormatHelp } from "../output.ts";
import { getTyped } from "../system/inspect.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  arity: [1],
  flags: {
    format: string("f", inspectFormatHelp),
    platform: string(
      "",
      "Inspect a specific platform of the multi-platform image. If the image or the server is not multi-platform capable, the command will error out if the platform does not match. Formatted as os[/arch[/variant]] (e.g., linux/amd64)",
    ),
  },
  async run({ cli, flags, args }) {
    const client = await cli.client();
    const platform = flags.platform ? JSON.stringify(parsePlatform(flags.platform)) : undefined;
    return inspectObjects(cli, args, flags.format, (id) => getTyped(client, "image", id, { platform }));
  },
});
