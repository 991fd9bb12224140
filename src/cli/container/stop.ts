import type { Client } from "../../client/client.ts";
import { defineCommand } from "../command.ts";
import { forEachArgument } from "../each.ts";
import { optionalInt, string } from "../flag.ts";

type StopOptions = Parameters<Client["containers"]["stop"]>[1];

/** `stop`, and what begins with one. */
export const defineStopCommand = (act: (client: Client, id: string, options: StopOptions) => Promise<void>) =>
  defineCommand({
    usage: "[OPTIONS] CONTAINER [CONTAINER...]",
    arity: [1],
    flags: {
      signal: string("s", "Signal to send to the container"),
      time: { ...optionalInt("", "Seconds to wait before killing the container"), isHidden: true },
      timeout: optionalInt("t", "Seconds to wait before killing the container"),
    },
    async run({ cli, flags, args }) {
      const client = await cli.client();
      const options = { signal: flags.signal || undefined, timeoutSeconds: flags.timeout ?? flags.time };
      return forEachArgument(cli, args, async (id) => {
        await act(client, id, options);
        return id;
      });
    },
  });

export const command = defineStopCommand((client, id, options) => client.containers.stop(id, options));
