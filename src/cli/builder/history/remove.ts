import { defineCommand, ExitError } from "../../command.ts";
import { bool } from "../../flag.ts";
import { findBuild, withBuilder } from "./records.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [BUILD...]",
  arity: [0],
  flags: { all: bool("", "Remove all builds that are over") },
  async run({ cli, flags, args }) {
    if (flags.all === args.length > 0)
      throw new ExitError(1, flags.all ? "cannot remove all builds and some" : "name a build, or use --all");
    await withBuilder(cli, async (builder) => {
      const found = flags.all
        ? (await builder.listHistory()).filter(({ isActive }) => !isActive)
        : await Promise.all(args.map((ref) => findBuild(builder, ref)));
      for (const { record } of found) {
        await builder.removeRecord(record.ref);
        cli.print(record.ref);
      }
    });
  },
});
