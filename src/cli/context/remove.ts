import { defineCommand, ExitError } from "../command.ts";
import { bool } from "../flag.ts";
import { changeConfig } from "../login/config-file.ts";
import { defaultContext } from "./choose.ts";
import { hasContext, removeContext } from "./store.ts";

export const command = defineCommand({
  usage: "CONTEXT [CONTEXT...]",
  arity: [1],
  flags: { force: bool("f", "Force the removal of a context in use") },
  async run({ cli, flags, args }) {
    const errors: string[] = [];
    const { context: current } = cli.choice();
    for (const name of args) {
      const refusal = refuse(name, name === current, flags.force, hasContext(cli.configFolder, name));
      if (refusal) errors.push(refusal);
      else {
        if (name === cli.config.currentContext)
          changeConfig(cli, ({ currentContext: _, ...config }) => config);
        removeContext(cli.configFolder, name);
        cli.print(name);
      }
    }
    if (errors.length > 0) throw new ExitError(1, errors.join("\n"));
    return 0;
  },
});

function refuse(name: string, isCurrent: boolean, isForced: boolean, isThere: boolean): string | undefined {
  const quoted = JSON.stringify(name);
  if (name === defaultContext) return `context "default" cannot be removed`;
  if (!isThere) return isForced ? undefined : `context ${quoted} does not exist`;
  if (isCurrent && !isForced) return `context ${quoted} is in use, set -f flag to force remove`;
  return undefined;
}
