import { defineCommand, ExitError } from "../command.ts";
import { string } from "../flag.ts";
import { inspectObjects } from "../inspect-objects.ts";
import { inspectFormatHelp } from "../output.ts";
import { defaultContext } from "./choose.ts";
import { contextNamed } from "./endpoint-config.ts";
import { type Context, membersOf, metadataFolder, readTlsMaterial, tlsFolder } from "./store.ts";

export const command = defineCommand({
  usage: "[OPTIONS] [CONTEXT] [CONTEXT...]",
  arity: [0],
  flags: { format: string("f", inspectFormatHelp) },
  async run({ cli, flags, args }) {
    const names = args.length > 0 ? args : [cli.choice().context];
    return inspectObjects(cli, names, flags.format, async (name) => {
      try {
        const context = contextNamed(cli, name);
        return { type: "Context", text: JSON.stringify(describe(cli.configFolder, context)) };
      } catch (error) {
        throw new ExitError(1, error instanceof Error ? error.message : String(error));
      }
    });
  },
});

function describe(folder: string, context: Context): object {
  const { name } = context;
  const isDefault = name === defaultContext;
  const files = isDefault ? [] : Object.keys(readTlsMaterial(folder, name));
  return {
    ...membersOf(context),
    ...(isDefault && { Metadata: {} }),
    TLSMaterial: files.length > 0 ? { docker: files } : {},
    Storage: isDefault
      ? { MetadataPath: "<IN MEMORY>", TLSPath: "<IN MEMORY>" }
      : { MetadataPath: metadataFolder(folder, name), TLSPath: tlsFolder(folder, name) },
  };
}
