import type { Client } from "../../client/client.ts";
import type { ContainerStartOptions } from "../../client/containers.ts";
import type { Cli } from "../cli.ts";
import { defineCommand, ExitError } from "../command.ts";
import { describeError } from "../each.ts";
import { bool, type FlagValues, string } from "../flag.ts";
import { checkTty, followTerminalSize, proxySignals, runSession } from "../terminal.ts";
import { waitForExitCode } from "./run.ts";

const flags = {
  attach: bool("a", "Attach STDOUT/STDERR and forward signals"),
  checkpoint: { ...string("", "Restore from this checkpoint"), isHidden: true },
  "checkpoint-dir": { ...string("", "Use a custom checkpoint storage directory"), isHidden: true },
  "detach-keys": string("", "Override the key sequence for detaching a container"),
  interactive: bool("i", "Attach container's STDIN"),
};

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1],
  flags,
  async run({ cli, flags, args }) {
    const client = await cli.client();
    const checkpoint = {
      checkpoint: flags.checkpoint || undefined,
      "checkpoint-dir": flags["checkpoint-dir"] || undefined,
    };
    if (!flags.attach && !flags.interactive) return startAll(cli, client, args, checkpoint);
    if (args.length > 1) throw new ExitError(1, "you cannot start and attach multiple containers at once");
    return startAttached(cli, client, args[0] ?? "", flags);
  },
});

async function startAll(
  cli: Cli,
  client: Client,
  ids: readonly string[],
  options: ContainerStartOptions,
): Promise<number> {
  const failed: string[] = [];
  for (const id of ids) {
    try {
      await client.containers.start(id, options);
      cli.print(id);
    } catch (error) {
      cli.warn(describeError(error));
      failed.push(id);
    }
  }
  if (failed.length > 0) throw new ExitError(1, `Error: failed to start containers: ${failed.join(", ")}`);
  return 0;
}

async function startAttached(
  cli: Cli,
  client: Client,
  name: string,
  options: FlagValues<typeof flags>,
): Promise<number> {
  const { Id: id, Config: config, HostConfig: host } = await client.containers.inspect(name);
  const hasStdin = options.interactive && config.OpenStdin;
  checkTty(cli, { hasStdin, isTty: config.Tty });
  const detachKeys = options["detach-keys"] || cli.config.detachKeys || "";
  const stopProxy = config.Tty
    ? () => undefined
    : proxySignals(cli, (signal) => client.containers.kill(id, signal));
  const connection = await client.containers.attach(id, {
    stdin: hasStdin,
    stdout: true,
    stderr: true,
    detachKeys: detachKeys || undefined,
  });
  const { exit } = await client.containers.wait(id, host.AutoRemove ? "removed" : "next-exit");
  try {
    await client.containers.start(id);
  } catch (error) {
    connection.socket.destroy();
    throw error;
  }
  const stopResize = config.Tty
    ? followTerminalSize(cli, (size) => client.containers.resize(id, size))
    : () => undefined;
  const end = await runSession(cli, { connection, isTty: config.Tty, hasStdin, hasOutput: true, detachKeys });
  stopResize();
  stopProxy();
  return end === "detached" ? 0 : waitForExitCode(cli, exit);
}
