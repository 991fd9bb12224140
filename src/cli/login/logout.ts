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
    for (const name of names) await forgetLogin(cli, name);
    return 0;
  },
});
