import { formatColumns } from "../../formats/table.ts";
import { defineCommand } from "../command.ts";

export const command = defineCommand({
  usage: "CONTAINER [ps OPTIONS]",
  arity: [1],
  isInterspersed: false,
  flags: {},
  async run({ cli, args: [id = "", ...psArguments] }) {
    const client = await cli.client();
    const { Titles, Processes } = await client.containers.top(id, psArguments.join(" ") || undefined);
    const lines = [Titles, ...(Processes ?? [])].map((cells) => cells.join("\t"));
    cli.print(formatColumns(lines.join("\n"), { minWidth: 20 }));
  },
});
