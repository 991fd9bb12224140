import { defineCommand } from "../command.ts";

const letters = ["C", "A", "D"];

export const command = defineCommand({
  usage: "CONTAINER",
  arity: [1, 1],
  flags: {},
  async run({ cli, args: [id = ""] }) {
    const client = await cli.client();
    for (const change of (await client.containers.changes(id)) ?? []) {
      cli.print(`${letters[change.Kind] ?? "?"} ${change.Path}`);
    }
  },
});
