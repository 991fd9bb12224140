import { setTimeout } from "node:timers/promises";
import { ApiError, ConnectionError } from "../../client/api-error.ts";
import type { Client } from "../../client/client.ts";
import { defineCommand } from "../command.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS]",
  description: "Containers that keep running are found and managed by the next engine on the same data.",
  arity: [0, 0],
  flags: {
    containers: bool(
      "",
      "Stop all containers first, and take down the supervisor, the bridges and the rules",
    ),
  },
  async run({ cli, flags }) {
    const client = await cli.client(false);
    await client.stopEngine({ containers: flags.containers });
    if (flags.containers) cli.warn("Stopping the containers, then the engine…");
    await untilGone(client);
    cli.print(
      flags.containers ? "Containers and engine have stopped." : "The engine has stopped; containers run on.",
    );
    return 0;
  },
});

/** A container is given its stop timeout, so there is no end to wait for but the engine's. */
export async function untilGone(client: Client): Promise<void> {
  for (;;) {
    try {
      await client.ping();
    } catch (error) {
      if (error instanceof ConnectionError) return;
      if (!(error instanceof ApiError)) throw error;
    }
    await setTimeout(100);
  }
}
