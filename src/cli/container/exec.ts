import type { Client } from "../../client/client.ts";
import type { ExecCreateRequest } from "../../formats/docker-api/docker-api.ts";
import type { Cli } from "../cli.ts";
import { defineCommand, ExitError } from "../command.ts";
import { bool, repeated, string } from "../flag.ts";
import { checkTty, followTerminalSize, runSession } from "../terminal.ts";
import { resolveEnv } from "./create-body.ts";
import { checkEnv } from "./create-values.ts";
import { readPairFiles } from "./env-file.ts";

/** Of a command whose end is not known. */
const unknownExitCode = 255;

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  arity: [2],
  isInterspersed: false,
  flags: {
    detach: bool("d", "Detached mode: run command in the background"),
    "detach-keys": string("", "Override the key sequence for detaching a container"),
    env: repeated("e", "Set environment variables", "list", checkEnv),
    "env-file": repeated("", "Read in a file of environment variables"),
    interactive: bool("i", "Keep STDIN open even if not attached"),
    privileged: bool("", "Give extended privileges to the command"),
    tty: bool("t", "Allocate a pseudo-TTY"),
    user: string("u", 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    workdir: string("w", "Working directory inside the container"),
  },
  async run({ cli, flags, args }) {
    const [container = "", ...argv] = args;
    const detachKeys = flags["detach-keys"] || cli.config.detachKeys || "";
    const env = [
      ...readPairFiles(flags["env-file"], cli.env),
      ...flags.env.flatMap((text) => resolveEnv(text, cli.env)),
    ];
    const body: ExecCreateRequest = {
      User: flags.user,
      Privileged: flags.privileged,
      Tty: flags.tty,
      AttachStdin: !flags.detach && flags.interactive,
      AttachStderr: !flags.detach,
      AttachStdout: !flags.detach,
      DetachKeys: detachKeys,
      Env: env.length > 0 ? env : null,
      WorkingDir: flags.workdir,
      Cmd: argv,
      ...(flags.tty && cli.stdout.isTTY && { ConsoleSize: [cli.stdout.rows ?? 0, cli.stdout.columns ?? 0] }),
    };
    if (!flags.detach) checkTty(cli, { hasStdin: flags.interactive, isTty: flags.tty });
    const client = await cli.client();
    const { Id: id } = await client.execs.create(container, body);
    if (flags.detach) {
      await client.execs.start(id, { Tty: flags.tty });
      return 0;
    }
    return attachExec(cli, client, id, body, detachKeys);
  },
});

/** Runs it in this terminal. @returns its exit code */
export async function attachExec(
  cli: Cli,
  client: Client,
  id: string,
  body: ExecCreateRequest,
  detachKeys: string,
): Promise<number> {
  const isTty = body.Tty ?? false;
  const connection = await client.execs.attach(id, { Tty: isTty, ConsoleSize: body.ConsoleSize ?? null });
  const stopResize = isTty
    ? followTerminalSize(cli, (size) => client.execs.resize(id, size))
    : () => undefined;
  const end = await runSession(cli, {
    connection,
    isTty,
    hasStdin: body.AttachStdin ?? false,
    hasOutput: true,
    detachKeys,
  });
  stopResize();
  if (end === "detached") throw new ExitError(1, "read escape sequence");
  const { Running, ExitCode } = await client.execs.inspect(id);
  if (Running) throw new ExitError(unknownExitCode, "the output ended while the command was still running");
  return ExitCode ?? unknownExitCode;
}
