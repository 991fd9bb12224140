import type { Cli } from "../cli.ts";
import { defineCommand, ExitError, pointToHelp } from "../command.ts";
import { createBody } from "./create-body.ts";
import { requestContainer } from "./create-container.ts";
import { type CreateFlags, createFlags } from "./create-flags.ts";
import type { CreateInput } from "./create-input.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arity: [1],
  isInterspersed: false,
  flags: createFlags,
  async run({ cli, flags, given, args }) {
    const client = await cli.client();
    const input = createInput(cli, client.host, flags, given, args);
    const body = orUsageError("create", () => createBody(input));
    cli.print(await requestContainer(cli, client, body, flags));
  },
});

/** What the body of a create request is made from. */
export function createInput(
  cli: Cli,
  host: string,
  flags: CreateFlags,
  given: ReadonlySet<string>,
  [image = "", ...command]: string[],
): CreateInput {
  checkSystem(given);
  const proxies = { all: cli.config.proxies, host };
  return {
    flags,
    given,
    image,
    command,
    env: cli.env,
    apiSocket: flags["use-api-socket"] ? apiSocketOf(host) : "",
    proxies,
  };
}

/** @param host of the engine @throws Error for one that has no socket on this machine */
function apiSocketOf(host: string): string {
  const [, path] = /^unix:\/\/(.+)$/s.exec(host) ?? [];
  if (path === undefined)
    throw new Error(`--use-api-socket needs an engine at a unix socket, not at ${host}`);
  return path;
}

/** Flags of another system's daemon. */
function checkSystem(given: ReadonlySet<string>): void {
  const foreign = ["cpu-count", "cpu-percent", "io-maxbandwidth", "io-maxiops"].filter((name) =>
    given.has(name),
  );
  if (foreign.length === 0) return;
  const reason =
    "is only supported on a Docker daemon running on windows, but the Docker daemon is running on linux";
  throw new Error(foreign.map((name) => `"--${name}" ${reason}`).join("\n"));
}

/** A command line that cannot be understood: exit code 125, with a pointer to the help. */
export function orUsageError<T>(path: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ExitError(125, `berth: ${message}\n\n${pointToHelp(path)}`);
  }
}
