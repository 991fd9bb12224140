import { randomUUID } from "node:crypto";
import type { Duplex } from "node:stream";
import { setTimeout } from "node:timers/promises";
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
  const wasRunning = state.Running;
  const closesInput = config.StdinOnce && !config.Tty;
  const join = await joinProcess(containers, id, randomUUID(), { ...options, stdin }, closesInput);
  // It has ended on the way here, as when a supervisor was waited for: the connection would wait for the next run.
  if (wasRunning && !state.Running) return join.endAtOnce;
  publish(containers, container, "attach");
  return join.with({
    keys: config.Tty && stdin ? options.detachKeys : undefined,
    onDetach: () => publish(containers, container, "detach"),
  });
}

/**
 * Joins an exec's input and output; to be called before it is started.
 * @param client the connection's name, to be told to whoever starts the exec before the connection is there
 */
export async function attachExec(
  containers: Containers,
  exec: Exec,
  client: string,
  detachKeys: string,
): Promise<Joined> {
  const { request } = exec;
  const join = await joinProcess(containers, exec.id, client, request, !request.tty);
  return join.with({
    keys: request.tty ? detachKeys : undefined,
    onDetach: () => publish(containers, exec.container, "exec_detach", { execID: exec.id }),
    // Clients ask for the exit code once the output has ended, and take none for 0.
    ended: exec.ended.promise,
  });
}

interface Join {
  with(options: Omit<JoinOptions, "onInputEnd">): Joined;
  endAtOnce: Joined;
}

async function joinProcess(
  containers: Containers,
  process: string,
  name: string,
  { stdin, stdout, stderr }: Pick<AttachOptions, "stdin" | "stdout" | "stderr">,
  closesInput: boolean,
): Promise<Join> {
  const connection = await containers.supervisor.attach({ process, stdin, stdout, stderr, client: name });
  const onInputEnd = () => {
    if (!stdin || !closesInput) return;
    containers.supervisor.call("closeInput", { process, client: name }).catch((error: unknown) => {
      containers.logger.warn({ error, process }, "an input could not be closed");
    });
  };
  return {
    with: (options) => joinWith(connection, { ...options, onInputEnd }),
    endAtOnce: async (client) => {
      connection.destroy();
      client.end();
    },
  };
}

interface JoinOptions {
  /** Detach keys to look for; undefined looks for none. */
  keys: string | undefined;
  onDetach: () => void;
  /** What is known by then is known before the client sees the end of the output. */
  ended?: Promise<void>;
  /** The client has ended its input, or is gone. */
  onInputEnd: () => void;
}

/** The end of the output and the word of the exit come on two ways, one right after the other; only a lost supervisor says nothing. */
const longestWayMilliseconds = 2000;

function joinWith(connection: Duplex, { keys, onDetach, onInputEnd, ended }: JoinOptions): Joined {
  const filter = keys === undefined ? undefined : createDetachFilter(parseDetachKeys(keys));
  return (client) =>
    new Promise((resolve) => {
      let hasEnded = false;
      const endInput = () => {
        if (!hasEnded) onInputEnd();
        hasEnded = true;
      };
      const finish = () => {
        hasEnded = true;
        connection.destroy();
        resolve();
      };
      connection.on("error", finish).on("close", finish);
      client.on("error", endInput).on("close", endInput).on("error", finish).on("close", finish);
      const endClient = async () => {
        if (ended) await Promise.race([ended, setTimeout(longestWayMilliseconds, undefined, { ref: false })]);
        client.end();
      };
      connection.pipe(client, { end: false });
      // With an error when a supervisor is killed before it has read all that was sent to it.
      connection.once("end", endClient).once("error", endClient);
      client.on("data", (chunk: Buffer) => {
        const { output, detached } = filter?.(chunk) ?? { output: chunk, detached: false };
        if (detached) {
          hasEnded = true;
          onDetach();
          connection.destroy();
          client.end();
          return;
        }
        if (connection.destroyed || connection.write(output)) return;
        client.pause();
        connection.once("drain", () => client.resume());
      });
      client.once("end", () => {
        endInput();
        connection.end();
      });
      client.resume();
    });
}
