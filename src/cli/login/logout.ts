import { messageOf } from "../../errors.ts";
import { hubAddress } from "../../formats/registry-auth.ts";
import { defineCommand } from "../command.ts";
import { addressOf, forgetLogin } from "./credentials.ts";

export const command = defineCommand({
  usage: "[SERVER]",
  description: "Without a server, Docker Hub.",
  arity: [0, 1],
  flags: {},
  async run({ cli, args: [server = ""] }) {
    const address = addressOf(server);
    cli.print(`Removing login credentials for ${address}`);
    // Other clients keep a login under the registry's address as it was given.
    const names = address === hubAddress ? [address] : [address, `http://${address}`, `https://${address}`];
    const failures: string[] = [];
    for (const name of names)
      await forgetLogin(cli, name).catch((error: unknown) => failures.push(`${name}: ${messageOf(error)}`));
    // A credential helper may fail for what it does not have.
    if (failures.length === names.length)
      cli.warn(`WARNING: could not erase credentials:\n${failures.join("\n")}`);
    return 0;
  },
});
