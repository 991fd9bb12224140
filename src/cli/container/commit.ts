import { parseReference, repositoryOf } from "../../formats/reference.ts";
import { defineCommand } from "../command.ts";
import { bool, repeated, string } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
  arity: [1, 2],
  flags: {
    author: string("a", 'Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")'),
    change: repeated("c", "Apply Dockerfile instruction to the created image"),
    message: string("m", "Commit message"),
    pause: bool("p", "Pause container during commit", true),
    "no-pause": { ...bool("", "Do not pause container during commit"), isHidden: true },
  },
  async run({ cli, flags, args: [container = "", target] }) {
    const reference = target === undefined ? undefined : parseReference(target);
    const client = await cli.client();
    const { Id } = await client.containers.commit({
      container,
      ...(reference !== undefined && { repo: repositoryOf(reference) }),
      ...(reference?.tag !== undefined && { tag: reference.tag }),
      comment: flags.message,
      author: flags.author,
      pause: flags.pause && !flags["no-pause"],
      changes: flags.change,
    });
    cli.print(Id);
  },
});
