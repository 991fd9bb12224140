import { defineCommand } from "../command.ts";
import { changeConfig } from "../login/config-file.ts";
import { defaultContext } from "./choose.ts";
import { contextNamed } from "./endpoint-config.ts";

export const command = defineCommand({
  usage: "CONTEXT",
  arity: [1, 1],
  flags: {},
  async run({ cli, args: [name = ""] }) {
    contextNamed(cli, name);
    changeConfig(cli, ({ currentContext: _, ...config }) =>
      name === defaultContext ? config : { ...config, currentContext: name },
    );
    cli.print(name);
    cli.warn(`Current context is now ${JSON.stringify(name)}`);
    const { override } = cli.choice();
    if (override && name !== defaultContext)
      cli.warn(
        `Warning: ${override} environment variable overrides the active context. To use ${JSON.stringify(name)}, either set the global --context flag, or unset ${override} environment variable.`,
      );
    return 0;
  },
});
