import { ApiError } from "../../client/api-error.ts";
import { defineCommand } from "../command.ts";
import { forEachArgument, severalAtOnce } from "../each.ts";
import { bool } from "../flag.ts";

export const command = defineCommand({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1],
  flags: {
    force: bool("f", "Force the removal of a running container (uses SIGKILL)"),
    link: bool("l", "Remove the specified link"),
    volumes: bool("v", "Remove anonymous volumes associated with the container"),
  },
  async run({ cli, flags, args }) {
    const client = await cli.client();
    const remove = async (argument: string) => {
      const id = argument.replace(/^\/+|\/+$/g, "");
      if (id === "") throw new Error("container name cannot be empty");
      try {
        await client.containers.remove(id, flags);
      } catch (error) {
        // With --force a missing container is no failure, but it is reported.
        if (!(flags.force && error instanceof ApiError && error.status === 404)) throw error;
        cli.warn(`Error response from daemon: ${error.message}`);
        return undefined;
      }
      return argument;
    };
    return forEachArgument(cli, args, remove, severalAtOnce);
  },
});
