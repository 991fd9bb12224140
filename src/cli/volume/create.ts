import { defineCommand, ExitError } from "../command.ts";
import { checkLabel } from "../container/create-values.ts";
import { toPairs } from "../container/env-file.ts";
import { map, repeated, string } from "../flag.ts";

const hidden = { isHidden: true };

/** Of volumes of a swarm; refused with a clear word rather than as unknown. */
const clusterFlags = {
  availability: { ...string("", "Cluster Volume availability", "active"), ...hidden },
  group: { ...string("", "Cluster Volume group"), ...hidden },
  "limit-bytes": { ...string("", "Minimum size of the Cluster Volume in bytes"), ...hidden },
  "required-bytes": { ...string("", "Maximum size of the Cluster Volume in bytes"), ...hidden },
  scope: { ...string("", "Cluster Volume access scope", "single"), ...hidden },
  secret: { ...map("", "Cluster Volume secrets"), ...hidden },
  sharing: { ...string("", "Cluster Volume access sharing", "none"), ...hidden },
  "topology-preferred": {
    ...repeated("", "A topology that the Cluster Volume would be preferred in"),
    ...hidden,
  },
  "topology-required": {
    ...repeated("", "A topology that the Cluster Volume must be accessible from"),
    ...hidden,
  },
  type: { ...string("", "Cluster Volume access type", "block"), ...hidden },
};

export const command = defineCommand({
  usage: "[OPTIONS] [VOLUME]",
  arity: [0, 1],
  flags: {
    ...clusterFlags,
    driver: string("d", "Specify volume driver name", "local"),
    label: repeated("", "Set metadata for a volume", "list", checkLabel),
    name: { ...string("", "Specify volume name"), isHidden: true },
    opt: map("o", "Set driver specific options"),
  },
  async run({ cli, flags, given, args: [name] }) {
    const cluster = Object.keys(clusterFlags).find((flag) => given.has(flag));
    if (cluster !== undefined) throw new ExitError(1, `not yet supported: --${cluster} (cluster volumes)`);
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
