import type { Duplex } from "node:stream";
import { conflict } from "../errors.ts";
import { createDetachFilter, parseDetachKeys } from "../formats/detach-keys.ts";
import type { Container } from "./container.ts";
import { type Containers, type Exec, publish } from "./containers.ts";

export interface AttachOptions {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
  /** "" for the default ones. */
  detachKeys: string;
}

/** Streams between a client and a process; both ends are closed when it ends. */
export type Joined = (client: Duplex) => Promise<void>;

/**
 * Joins a container's input and output, now or when it starts.
 * @throws EngineError conflict while it is paused, invalid for the detach keys
 */
export async function attachContainer(
  containers: Containers,
  container: Container,
  options: AttachOptions,
): Promise<Joined> {
  const { id, config, state } = container.record;
  if (state.Paused) throw conflict(`container ${id} is paused, unpause the container before attach`);
  if (state.Restarting) throw conflict(`container ${id} is restarting, wait until the container is running`);
  const stdin = options.stdin && config.OpenStdin;
  const connection = await containers.supervisor.attach({
    process: id,
    ...options,
    stdin,
    closeInputAtEnd: config.StdinOnce && !config.Tty,
  });
  publish(containers, container, "attach");
  return joinWith(connection, config.Tty && stdin ? options.detachKeys : undefined, () => {
    publish(containers, container, "detach");
  });
}

/** Joins an exec's input and output; to be called before it is started. */
export async function attachExec(containers: Containers, exec: Exec, detachKeys: string): Promise<Joined> {
  const { request } = exec;
  const connection = await containers.supervisor.attach({
    process: exec.id,
    stdin: request.stdin,
    stdout: request.stdout,
    stderr: request.stderr,
    closeInputAtEnd: !request.tty,
  });
  return joinWith(connection, request.tty ? detachKeys : undefined, () => {
    publish(containers, exec.container, "exec_detach", { execID: exec.id });
  });
}

/** @param keys detach keys to look for; undefined looks for none */
function joinWith(connection: Duplex, keys: string | undefined, onDetach: () => void): Joined {
  const filter = keys === undefined ? undefined : createDetachFilter(parseDetachKeys(keys));
  return (client) =>
    new Promise((resolve) => {
      const finish = () => {
        connection.destroy();
        resolve();
      };
      connection.on("error", finish).on("close", finish);
      client.on("error", finish).on("close", finish);
      connection.pipe(client);
      client.on("data", (chunk: Buffer) => {
        const { output, detached } = filter?.(chunk) ?? { output: chunk, detached: false };
        if (detached) {
          onDetach();
          connection.destroy();
          client.end();
          return;
        }
        if (connection.destroyed || connection.write(output)) return;
        client.pause();
        connection.once("drain", () => client.resume());
      });
      client.once("end", () => connection.end());
      client.resume();
    });
}
