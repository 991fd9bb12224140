import { ApiError } from "../../client/api-error.ts";
import type { Client } from "../../client/client.ts";
import type { StatsResponse } from "../../formats/docker-api/docker-api-system.ts";
import { defineCommand } from "../command.ts";
import { bool, string } from "../flag.ts";
import { formatHelp, formatList, type ListOutput } from "../output.ts";
import { statsHeaders, statsRow } from "./stats-row.ts";

const intervalMilliseconds = 1000;

export const command = defineCommand({
  usage: "[OPTIONS] [CONTAINER...]",
  arity: [0],
  flags: {
    all: bool("a", "Show all containers (default shows just running)"),
    format: string("", formatHelp),
    "no-stream": bool("", "Disable streaming stats and only pull the first result"),
    "no-trunc": bool("", "Do not truncate output"),
  },
  async run({ cli, flags, args }) {
    const client = await cli.client();
    const format = flags.format || (cli.config.statsFormat ?? "");
    const list: Omit<ListOutput, "rows"> = {
      format,
      table:
        "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}",
      headers: statsHeaders,
    };
    const known = new Map<string, Sample>();
    for (;;) {
      const started = Date.now();
      const names = args.length > 0 ? args : await listNames(client, flags.all);
      const samples = await Promise.all(names.map((name) => sample(client, name, args.length > 0, known)));
      const shown = samples.filter((found) => found !== undefined);
      const text = formatList({
        ...list,
        rows: shown.map((found) => statsRow(found, { isTruncated: !flags["no-trunc"] })),
      });
      // A terminal is redrawn from its top; what goes to a file or a pipe is appended.
      if (!flags["no-stream"] && cli.stdout.isTTY) cli.stdout.write(`\x1b[H\x1b[J${text ?? ""}\n`);
      else if (text !== undefined) cli.print(text);
      if (flags["no-stream"]) return 0;
      const left = intervalMilliseconds - (Date.now() - started);
      if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    }
  },
});

async function listNames(client: Client, isAll: boolean): Promise<string[]> {
  const containers = await client.containers.list({ all: isAll });
  return containers.map((container) => container.Id);
}

type Sample = StatsResponse & { asked: string };

/**
 * Undefined for a container that went away meanwhile. One that was asked for by name keeps its line, which then says nothing.
 * @param known what has been seen of those
 */
async function sample(
  client: Client,
  name: string,
  isNamed: boolean,
  known: Map<string, Sample>,
): Promise<Sample | undefined> {
  try {
    for await (const stats of await client.containers.stats(name, { stream: false })) {
      const found = { ...stats, asked: name };
      if (isNamed) known.set(name, found);
      return found;
    }
    return undefined;
  } catch (error) {
    const before = known.get(name);
    const isGone = error instanceof ApiError && [404, 409].includes(error.status);
    if (!isGone || (isNamed && !before)) throw error;
    return before && { ...before, memory_stats: {} };
  }
}
