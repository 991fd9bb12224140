import type { Client } from "../../client/client.ts";
import { defineCommand } from "../command.ts";
import { forEachArgument } from "../each.ts";

/** A command without flags that does the same to every container named. @param act gives the line to print */
export const eachContainer = (act: (client: Client, id: string) => Promise<string>, mostAtOnce = 1) =>
  defineCommand({
    usage: "CONTAINER [CONTAINER...]",
    arity: [1],
    flags: {},
    async run({ cli, args }) {
      const client = await cli.client();
      return forEachArgument(cli, args, (id) => act(client, id), mostAtOnce);
    },
  });
