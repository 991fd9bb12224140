import type { Client } from "../../client/client.ts";
import type { ContainerInspect, ExecCreateRequest } from "../../formats/docker-api/docker-api.ts";
import type { Cli } from "../cli.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool, repeated, string } from "../flag.ts";
import { resolveEnv } from "./create-body.ts";
import { checkEnv } from "./create-values.ts";
import { bringShell, type Guest, removeAtSignals, removeGuest } from "./enter-guest.ts";
import { findShell } from "./enter-shell.ts";
import { attachExec } from "./exec.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [COMMAND] [ARG...]",
  description:
    "The shell is bash, ash or sh, the first that the container has. Where there is none, this machine's static busybox\nis copied into the container, and removed again at the end.",
  arity: [1],
  isInterspersed: false,
  flags: {
    env: repeated("e", "Set environment variables", "list", checkEnv),
    privileged: bool("", "Give extended privileges to the command"),
    user: string("u", 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    workdir: string("w", "Working directory inside the container"),
  },
  async run({ cli, flags, args: [container = "", ...argv] }) {
    const client = await cli.client();
    const found = await client.containers.inspect(container);
    refuseUnlessRunning(container, found.State);
    const shell = await findShell(client, found);
    const guest = shell === undefined ? await bringShell(cli, client, found.Id, container) : undefined;
    const words = guest?.wrap(argv) ?? (argv.length > 0 ? argv : [shell ?? ""]);
    const request: ExecCreateRequest = {
      User: flags.user,
      Privileged: flags.privileged,
      Env: flags.env.flatMap((text) => resolveEnv(text, cli.env)),
      WorkingDir: flags.workdir,
      Cmd: words,
    };
    return runInside(cli, client, found.Id, request, guest);
  },
});

function refuseUnlessRunning(name: string, state: ContainerInspect["State"]): void {
  const refuse = (what: string, next: string) => new ExitError(1, `container ${name} is ${what}\n\n${next}`);
  if (state.Paused) throw refuse("paused", `Run 'berth unpause ${name}' first`);
  if (state.Restarting) throw refuse("restarting", `Run 'berth logs ${name}' to see why it ends`);
  if (!state.Running) throw refuse("not running", `Run 'berth start ${name}' first`);
}

/** With a terminal where there is one at both ends; pipes stay pipes. */
async function runInside(
  cli: Cli,
  client: Client,
  id: string,
  request: ExecCreateRequest,
  guest: Guest | undefined,
): Promise<number> {
  const isTty = Boolean(cli.stdin.isTTY && cli.stdout.isTTY);
  const detachKeys = cli.config.detachKeys ?? "";
  const body: ExecCreateRequest = {
    ...request,
    Tty: isTty,
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    DetachKeys: detachKeys,
    ...(isTty && { ConsoleSize: [cli.stdout.rows ?? 0, cli.stdout.columns ?? 0] }),
  };
  const endWatch = guest && removeAtSignals(cli, client, guest);
  try {
    const { Id } = await client.execs.create(id, body);
    return await attachExec(cli, client, Id, body, detachKeys);
  } finally {
    if (guest !== undefined) await removeGuest(cli, client, guest);
    endWatch?.();
  }
}
