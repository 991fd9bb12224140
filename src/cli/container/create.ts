import type { Cli } from "../cli.ts";
import { defineCommand, ExitError, pointToHelp } from "../command.ts";
import { createBody } from "./create-body.ts";
import { createContainer } from "./create-container.ts";
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
    cli.print(await createContainer(cli, client, body, flags));
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
  const proxies = { all: cli.config.proxies, host };
  return { flags, given, image, command, env: cli.env, apiSocket: host.replace(/^unix:\/\//, ""), proxies };
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
