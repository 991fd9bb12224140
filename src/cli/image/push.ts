import { parseReference, repositoryOf } from "../../formats/reference.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool, string } from "../flag.ts";
import { findAuth } from "../login/credentials.ts";
import { showProgress } from "../progress.ts";

export const command = defineCommand({
  usage: "[OPTIONS] NAME[:TAG]",
  arity: [1, 1],
  flags: {
    "all-tags": bool("a", "Push all tags of an image to the repository"),
    "disable-content-trust": { ...bool("", "Skip image signing", true), isHidden: true },
    platform: string(
      "",
      'Push a platform-specific manifest as a single-platform image to the registry. Formatted as "os[/arch[/variant]]" (e.g., "linux/amd64")',
    ),
    quiet: bool("q", "Suppress verbose output"),
  },
  async run({ cli, flags, args: [name = ""] }) {
    const reference = parseReference(name);
    const isAll = flags["all-tags"];
    if (isAll && (reference.tag ?? reference.digest) !== undefined)
      throw new ExitError(1, "tag can't be used with --all-tags/-a");
    if (reference.digest !== undefined) throw new ExitError(1, "cannot push a digest reference");
    if (!isAll && reference.tag === undefined && !flags.quiet) cli.print("Using default tag: latest");
    const client = await cli.client();
    const messages = await client.images.push(repositoryOf(reference), {
      tag: isAll ? undefined : (reference.tag ?? "latest"),
      platform: flags.platform || undefined,
      auth: await findAuth(cli, repositoryOf(reference)),
    });
    await showProgress(cli.stdout, messages, { isQuiet: flags.quiet });
    if (flags.quiet) cli.print(repositoryOf(reference) + (isAll ? "" : `:${reference.tag ?? "latest"}`));
  },
});
