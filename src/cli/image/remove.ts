import { ApiError } from "../../client/api-error.ts";
import { defineCommand, ExitError } from "../command.ts";
import { describeError } from "../each.ts";
import { bool, repeated } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  arity: [1],
  flags: {
    force: bool("f", "Force removal of the image"),
    "no-prune": bool("", "Do not delete untagged parents"),
    platform: repeated(
      "",
      'Remove only the given platform variant. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
      "strings",
    ),
  },
  async run({ cli, flags, args }) {
    const client = await cli.client();
    const errors: string[] = [];
    let isFatal = false;
    const options = { force: flags.force, noPrune: flags["no-prune"], platforms: flags.platform };
    for (const name of args) {
      try {
        for (const item of (await client.images.remove(name, options)) ?? []) {
          cli.print(item.Deleted ? `Deleted: ${item.Deleted}` : `Untagged: ${item.Untagged}`);
        }
      } catch (error) {
        errors.push(describeError(error));
        if (!(error instanceof ApiError && error.status === 404)) isFatal = true;
      }
    }
    if (errors.length === 0) return 0;
    if (!flags.force || isFatal) throw new ExitError(1, errors.join("\n"));
    cli.warn(errors.join("\n"));
    return 0;
  },
});
