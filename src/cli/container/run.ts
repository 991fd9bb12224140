import { ApiError } from "../../client/api-error.ts";
import type { Client } from "../../client/client.ts";
import type { WaitResponse } from "../../formats/docker-api/docker-api-system.ts";
import type { Cli } from "../cli.ts";
import { defineCommand, ExitError, pointToHelp } from "../command.ts";
import { bool, type FlagValues, string } from "../flag.ts";
import { checkTty, followTerminalSize, proxySignals, runSession } from "../terminal.ts";
import { createInput, orUsageError } from "./create.ts";
import { createBody } from "./create-body.ts";
import { requestContainer } from "./create-container.ts";
import { createFlags } from "./create-flags.ts";

const runFlags = {
  ...createFlags,
  detach: bool("d", "Run container in background and print container ID"),
  "detach-keys": string("", "Override the key sequence for detaching a container"),
  "sig-proxy": bool("", "Proxy received signals to the process", true),
};

type RunFlags = FlagValues<typeof runFlags>;
type Body = ReturnType<typeof createBody>;

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arity: [1],
  isInterspersed: false,
  flags: runFlags,
  async run({ cli, flags, given, args }) {
    const client = await cli.client();
    const input = createInput(cli, client.host, flags, given, args);
    const body = orUsageError("run", () => createBody(input));
    if (flags.detach) {
      if (flags.attach.length > 0) {
        throw new ExitError(1, "conflicting options: cannot specify both --attach and --detach");
      }
      Object.assign(body, { AttachStdin: false, AttachStdout: false, AttachStderr: false, StdinOnce: false });
    } else checkTty(cli, { hasStdin: body.AttachStdin ?? false, isTty: flags.tty });
    if (flags.tty && cli.stdout.isTTY)
      body.HostConfig.ConsoleSize = [cli.stdout.rows ?? 0, cli.stdout.columns ?? 0];
    const id = await requestContainer(cli, client, body, flags).catch(asRunError);
    return flags.detach
      ? await startDetached(cli, client, id)
      : await runAttached(cli, client, id, body, flags);
  },
});

async function startDetached(cli: Cli, client: Client, id: string): Promise<number> {
  // Docker prints the id even when the start fails: scripts clean up with it.
  cli.print(id);
  await client.containers.start(id).catch(asRunError);
  return 0;
}

async function runAttached(
  cli: Cli,
  client: Client,
  id: string,
  body: Body,
  flags: RunFlags,
): Promise<number> {
  const hasOutput = Boolean(body.AttachStdout || body.AttachStderr);
  const detachKeys = flags["detach-keys"] || cli.config.detachKeys || "";
  const stopProxy = flags["sig-proxy"]
    ? proxySignals(cli, (signal) => client.containers.kill(id, signal))
    : () => undefined;
  const connection = await client.containers.attach(id, {
    stdin: body.AttachStdin ?? false,
    stdout: body.AttachStdout ?? false,
    stderr: body.AttachStderr ?? false,
    detachKeys: detachKeys || undefined,
  });
  const { exit } = await client.containers.wait(id, flags.rm ? "removed" : "next-exit");
  if (!hasOutput) cli.print(id);
  try {
    await client.containers.start(id);
  } catch (error) {
    connection.socket.destroy();
    // The name is free again only once the daemon has removed it.
    if (flags.rm) await exit.catch(() => undefined);
    return asRunError(error);
  }
  const stopResize = flags.tty
    ? followTerminalSize(cli, (size) => client.containers.resize(id, size))
    : () => undefined;
  const session = {
    connection,
    isTty: flags.tty,
    hasStdin: body.AttachStdin ?? false,
    hasOutput,
    detachKeys,
  };
  const end = await runSession(cli, session);
  stopResize();
  stopProxy();
  return end === "detached" ? 0 : waitForExitCode(cli, exit);
}

/** 125 when the daemon went away, or could not tell. */
export async function waitForExitCode(cli: Cli, exit: Promise<WaitResponse>): Promise<number> {
  try {
    const result = await exit;
    if (!result.Error?.Message) return result.StatusCode;
    cli.warn(`Error waiting for container: ${result.Error.Message}`);
  } catch (error) {
    cli.warn(`error waiting for container: ${error instanceof Error ? error.message : error}`);
  }
  return 125;
}

/** 127 when the command is not there, 126 when it cannot be run, 125 for the rest. */
function asRunError(error: unknown): never {
  if (error instanceof ExitError)
    throw new ExitError(125, `berth: ${error.message}\n\n${pointToHelp("run")}`);
  const message = error instanceof Error ? error.message : String(error);
  const text = error instanceof ApiError ? `Error response from daemon: ${message}` : message;
  throw new ExitError(startFailureCode(message), `berth: ${text}\n\n${pointToHelp("run")}`);
}

export function startFailureCode(message: string): number {
  if (
    /executable file not found|no such file or directory|system cannot find the file specified/.test(message)
  ) {
    return 127;
  }
  return /permission denied|is a directory/i.test(message) ? 126 : 125;
}
