import type { Client } from "../../client/client.ts";
import { defineCommand } from "../command.ts";
import { forEachArgument, severalAtOnce } from "../each.ts";
import { optionalInt, string } from "../flag.ts";

type StopOptions = Parameters<Client["containers"]["stop"]>[1];

/** `stop`, and what begins with one. */
export const defineStopCommand = (
  act: (client: Client, id: string, options: StopOptions) => Promise<void>,
  mostAtOnce = 1,
) =>
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
      const stop = async (id: string) => {
        await act(client, id, options);
        return id;
      };
      return forEachArgument(cli, args, stop, mostAtOnce);
    },
  });

export const command = defineStopCommand(
  (client, id, options) => client.containers.stop(id, options),
  severalAtOnce,
);
