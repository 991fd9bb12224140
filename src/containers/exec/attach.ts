import { randomUUID } from "node:crypto";
import { conflict, invalid } from "../../errors.ts";
import { parseDetachKeys } from "../../formats/detach-keys.ts";
import type { Container } from "../container.ts";
import { type Containers, publish } from "../containers.ts";
import { convertOutput } from "./convert-output.ts";
import { type Joined, type JoinedStreams, joinProcess } from "./join.ts";

export interface AttachRequest extends JoinedStreams {
  /** "" for the default ones. */
  detachKeys: string;
  /** The output comes as it is, also where there is no terminal. */
  isRaw?: boolean;
}

/**
 * Joins a container's input and output, now or when it starts.
 * @throws EngineError conflict while it is paused, invalid for the detach keys
 */
export async function attachContainer(
  containers: Containers,
  container: Container,
  options: AttachRequest,
): Promise<Joined> {
  const { id, config, state } = container.record;
  const keys = parseDetachKeys(options.detachKeys);
  if (!keys) throw invalid(`Invalid detach keys (${options.detachKeys}) provided`);
  if (!container.can("attach")) {
    const advice = state.Paused
      ? "unpause the container before attach"
      : "wait until the container is running";
    throw conflict(`container ${id} is ${container.phase}, ${advice}`);
  }
  const stdin = options.stdin && config.OpenStdin;
  const wasRunning = state.Running;
  const { join, abandon } = await joinProcess(containers, {
    ...options,
    process: id,
    client: randomUUID(),
    stdin,
    closesInput: config.StdinOnce && !config.Tty,
    keys: config.Tty && stdin ? keys : undefined,
    onDetach: () => void publish(containers, container, "detach"),
    conversion: options.isRaw ? convertOutput(config.Tty, true) : undefined,
  });
  // It has ended on the way here, as when a supervisor was waited for: the connection would wait for the next run.
  if (wasRunning && !state.Running) {
    abandon();
    return async (client) => void client.end();
  }
  publish(containers, container, "attach");
  return join;
}
