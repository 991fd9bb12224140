import { defineCommand } from "../command.ts";
import { bool, list, string } from "../flag.ts";
import { showProgress } from "../progress.ts";

export const command = defineCommand({
  usage: "[OPTIONS] busybox|debian[:SUITE]",
  description: "The image is put together from this machine's own package sources; no registry is needed.",
  arity: [1, 1],
  flags: {
    mirror: string("", "Package mirror to take it from (default: the one this machine uses)"),
    include: list("", "Further packages to put in"),
    quiet: bool("q", "Print only the image ID"),
    tag: string("t", 'Name of the image, in the form "name:tag" (default: what was asked for)'),
  },
  async run({ cli, flags, args: [name = ""] }) {
    const client = await cli.client();
    let id: string | undefined;
    const messages = await client.images.make(name, {
      mirror: flags.mirror || undefined,
      include: flags.include.length > 0 ? flags.include : undefined,
      tag: flags.tag || undefined,
    });
    await showProgress(flags.quiet ? cli.stderr : cli.stdout, messages, {
      isQuiet: flags.quiet,
      onAux: (aux) => {
        if ("ID" in aux) id = String(aux.ID);
      },
    });
    if (id !== undefined) cli.print(id);
  },
});
