import { defineCommand } from "../command.ts";
import { keyValues, string } from "../flag.ts";
import { endpointHelp, readEndpoint } from "./endpoint-config.ts";
import { checkContextName, getContext, putContext } from "./store.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTEXT",
  description: `${endpointHelp}

Example:

$ berth context update my-context --description "some description" --docker "host=tcp://myserver:2376,ca=~/ca-file,cert=~/cert-file,key=~/key-file"`,
  arity: [1, 1],
  flags: {
    description: string("", "Description of the context"),
    docker: keyValues("", "set the docker endpoint"),
  },
  async run({ cli, flags, given, args: [name = ""] }) {
    checkContextName(name);
    const context = getContext(cli.configFolder, name);
    const { tls, ...settings } = given.has("docker")
      ? readEndpoint(cli, flags.docker)
      : { tls: undefined, host: context.host, skipsTlsVerify: context.skipsTlsVerify };
    const description = flags.description || context.description;
    putContext(cli.configFolder, { ...context, description, ...settings }, tls);
    cli.print(name);
    cli.warn(`Successfully updated context ${JSON.stringify(name)}`);
    return 0;
  },
});
