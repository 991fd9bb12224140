import { defineCommand } from "../command.ts";
import { bool } from "../flag.ts";
import { showProgress } from "../progress.ts";

export const command = defineCommand({
  usage: "[OPTIONS] busybox|debian[:SUITE]|registry|ui",
  description:
    "The image is put together from this machine's own package sources, registry and ui from berth itself; no registry is needed.",
  arity: [1, 1],
  flags: {
    quiet: bool("q", "Print only the image ID"),
  },
  async run({ cli, flags, args: [name = ""] }) {
    const client = await cli.client();
    let id: string | undefined;
    const messages = await client.images.make(name);
    await showProgress(flags.quiet ? cli.stderr : cli.stdout, messages, {
      isQuiet: flags.quiet,
      onAux: (aux) => {
        if ("ID" in aux) id = String(aux.ID);
      },
    });
    if (id !== undefined) cli.print(id);
  },
});
