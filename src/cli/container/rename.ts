import { defineCommand, ExitError } from "../command.ts";
import { describeError } from "../each.ts";

export const command = defineCommand({
  usage: "CONTAINER NEW_NAME",
  arity: [2, 2],
  flags: {},
  async run({ cli, args }) {
    const [id = "", name = ""] = args.map((argument) => argument.trim());
    if (id === "" || name === "") throw new ExitError(1, "Error: Neither old nor new names may be empty");
    const client = await cli.client();
    try {
      await client.containers.rename(id, name);
    } catch (error) {
      cli.warn(describeError(error));
      throw new ExitError(1, `Error: failed to rename container named ${id}`);
    }
  },
});
