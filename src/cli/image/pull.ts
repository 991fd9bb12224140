import { formatReference, parseReference, withDefaultTag } from "../../formats/reference.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool, string } from "../flag.ts";
import { pullInto } from "./pull-image.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  arity: [1, 1],
  flags: {
    "all-tags": bool("a", "Download all tagged images in the repository"),
    "disable-content-trust": { ...bool("", "Skip image verification", true), isHidden: true },
    platform: string("", "Set platform if server is multi-platform capable"),
    quiet: bool("q", "Suppress verbose output"),
  },
  async run({ cli, flags, args: [name = ""] }) {
    const reference = parseReference(name);
    const isNamed = reference.tag !== undefined || reference.digest !== undefined;
    if (flags["all-tags"] && isNamed) throw new ExitError(1, "tag can't be used with --all-tags/-a");
    if (!flags["all-tags"] && !isNamed && !flags.quiet) cli.print("Using default tag: latest");
    const client = await cli.client();
    await pullInto(cli, client, name, {
      platform: flags.platform,
      isQuiet: flags.quiet,
      output: cli.stdout,
      isAllTags: flags["all-tags"],
    });
    cli.print(formatReference(flags["all-tags"] ? reference : withDefaultTag(reference)));
  },
});
