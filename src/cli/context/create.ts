import { defineCommand } from "../command.ts";
import { keyValues, string } from "../flag.ts";
import { contextNamed, copyEndpoint, endpointHelp, readEndpoint } from "./endpoint-config.ts";
import { checkContextName, hasContext, putContext } from "./store.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTEXT",
  description: `${endpointHelp}

Example:

$ berth context create my-context --description "some description" --docker "host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file"`,
  arity: [1, 1],
  flags: {
    description: string("", "Description of the context"),
    docker: keyValues("", "set the docker endpoint"),
    from: string("", "create context from a named context"),
  },
  async run({ cli, flags, given, args: [name = ""] }) {
    checkContextName(name);
    if (hasContext(cli.configFolder, name)) throw new Error(`context ${JSON.stringify(name)} already exists`);
    if (given.has("docker") && flags.from) throw new Error("cannot use --docker flag when --from is set");
    const from = given.has("docker") ? undefined : flags.from || cli.choice().context;
    const endpoint = from === undefined ? readEndpoint(cli, flags.docker) : copyEndpoint(cli, from);
    const copied = from === undefined ? undefined : contextNamed(cli, from);
    const description = flags.description || (copied?.description ?? "");
    const { tls, ...settings } = endpoint;
    putContext(cli.configFolder, { ...copied, name, description, ...settings }, tls);
    cli.print(name);
    cli.warn(`Successfully created context ${JSON.stringify(name)}`);
    return 0;
  },
});
