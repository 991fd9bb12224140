import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "",
  arity: [0, 0],
  flags: {},
  async run({ cli }) {
    cli.print(cli.choice().context);
    return 0;
  },
});
