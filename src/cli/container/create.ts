import { defineCommand, ExitError, pointToHelp } from "../command.ts";
import { createBody } from "./create-body.ts";
import { createContainer } from "./create-container.ts";
import { createFlags } from "./create-flags.ts";

export const command = defineCommand({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  arity: [1],
  isInterspersed: false,
  flags: createFlags,
  async run({ cli, flags, given, args }) {
    const client = await cli.client();
    const [image = "", ...rest] = args;
    const input = { flags, given, image, command: rest, env: cli.env, apiSocket: socketPathOf(client.host) };
    const body = orUsageError("create", () => createBody(input));
    cli.print(await createContainer(cli, client, body, flags));
  },
});

export const socketPathOf = (host: string) => host.replace(/^unix:\/\//, "");

/** A command line that cannot be understood: exit code 125, with a pointer to the help. */
export function orUsageError<T>(path: string, build: () => T): T {
  try {
    return build();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ExitError(125, `berth: ${message}\n\n${pointToHelp(path)}`);
  }
}
