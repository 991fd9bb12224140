import { copyOutput } from "../../client/frames.ts";
import { defineCommand } from "../command.ts";
import { bool, string } from "../flag.ts";
import { parseTimeFlag } from "../time-flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER",
  arity: [1, 1],
  flags: {
    details: bool("", "Show extra details provided to logs"),
    follow: bool("f", "Follow log output"),
    since: string(
      "",
      'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
    tail: string("n", "Number of lines to show from the end of the logs", "all"),
    timestamps: bool("t", "Show timestamps"),
    until: string(
      "",
      'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
  },
  async run({ cli, flags, args }) {
    const [name = ""] = args;
    const client = await cli.client();
    const { Id: id, Config: config } = await client.containers.inspect(name);
    const source = await client.containers.logs(id, {
      follow: flags.follow,
      stdout: true,
      stderr: true,
      since: parseTimeFlag("since", flags.since),
      until: parseTimeFlag("until", flags.until),
      timestamps: flags.timestamps,
      tail: flags.tail,
      details: flags.details,
    });
    await copyOutput(source, config.Tty, cli.stdout, cli.stderr);
  },
});
