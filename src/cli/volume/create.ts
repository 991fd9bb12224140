import { defineCommand, ExitError } from "../command.ts";
import { checkLabel } from "../container/create-values.ts";
import { toPairs } from "../container/env-file.ts";
import { list, map, string } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [VOLUME]",
  arity: [0, 1],
  flags: {
    driver: string("d", "Specify volume driver name", "local"),
    label: list("", "Set metadata for a volume", "list", checkLabel),
    name: { ...string("", "Specify volume name"), isHidden: true },
    opt: map("o", "Set driver specific options"),
  },
  async run({ cli, flags, args: [name] }) {
    if (name !== undefined && flags.name !== "") {
      throw new ExitError(
        1,
        "conflicting options: cannot specify a volume-name through both --name and as a positional arg",
      );
    }
    const client = await cli.client();
    const volume = await client.volumes.create({
      Name: name ?? flags.name,
      Driver: flags.driver,
      DriverOpts: flags.opt,
      Labels: toPairs(flags.label),
    });
    cli.print(volume.Name);
  },
});
