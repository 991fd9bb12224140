import type { Duplex, Transform } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { createDetachFilter } from "../../formats/detach-keys.ts";
import { dropBody } from "../../sys/drop-body.ts";
import type { Containers } from "../containers.ts";

/** Which of a process's streams a client is joined with. */
export interface JoinedStreams {
  stdin: boolean;
  stdout: boolean;
  stderr: boolean;
}

export interface JoinOptions extends JoinedStreams {
  /** A container's or an exec's id. */
  process: string;
  /** The connection's name. */
  client: string;
  /** The end of the client's input is the end of the process's. */
  closesInput: boolean;
  /** Detach keys to look for; undefined looks for none. */
  keys: number[] | undefined;
  /** @returns the client's last output */
  onDetach: () => Buffer | undefined;
  /** What is known by then is known before the client sees the end of the output. */
  ended?: Promise<void>;
  /** Called once after the end of the output. @returns what the client gets after it where that is not all */
  explainLoss?: () => Buffer | undefined;
  /** What the output goes through on its way. */
  conversion?: Transform | undefined;
}

/** Streams between a client and a process; both ends are closed when it ends, and the process's when the client is gone. */
export type Joined = (client: Duplex, gone: AbortSignal) => Promise<void>;

/** The end of the output and the word of the exit come on two ways, one right after the other; only a lost supervisor says nothing. */
const longestWayMilliseconds = 2000;

/** Connects to a process, now or when it starts. */
export async function joinProcess(
  containers: Containers,
  options: JoinOptions,
): Promise<{ join: Joined; abandon: () => void }> {
  const { process, client: name, stdin, stdout, stderr, closesInput } = options;
  const hello = { process, stdin, stdout, stderr, client: name, closesInput: stdin && closesInput };
  const connection = await containers.supervisor.attach(hello);
  const closeInput = () => {
    if (!hello.closesInput) return;
    containers.supervisor.call("closeInput", { process, client: name }).catch((error: unknown) => {
      containers.logger.warn({ error, process }, "an input could not be closed");
    });
  };
  const endsWithInput = stdin && !closesInput;
  return {
    join: (client, gone) => joinStreams(connection, client, gone, closeInput, { ...options, endsWithInput }),
    abandon: () => void connection.destroy(),
  };
}

interface StreamOptions
  extends Pick<JoinOptions, "keys" | "onDetach" | "ended" | "explainLoss" | "conversion"> {
  /** As with Docker, a client that has no more input for a process whose input stays open gets no more output either. */
  endsWithInput?: boolean;
}

/** @param closeInput called once the client's input is over, if that is before the end. Leaves nothing with `gone`. */
export function joinStreams(
  connection: Duplex,
  client: Duplex,
  gone: AbortSignal,
  closeInput: () => void,
  { keys, onDetach, ended, explainLoss, conversion, endsWithInput = false }: StreamOptions,
): Promise<void> {
  const filter = keys && createDetachFilter(keys);
  return new Promise((resolve) => {
    let isInputOver = false;
    const endInput = () => {
      if (!isInputOver) closeInput();
      isInputOver = true;
    };
    const finish = () => {
      isInputOver = true;
      // A health check's signal lives as long as its container runs.
      gone.removeEventListener("abort", finish);
      connection.destroy();
      resolve();
    };
    // It may have gone before this listener was added.
    if (gone.aborted) return finish();
    gone.addEventListener("abort", finish, { once: true });
    connection.on("error", finish).on("close", finish);
    client.on("error", endInput).on("close", endInput).on("error", finish).on("close", finish);
    client.once("finish", () => dropBody(client, () => client.destroy()));
    const endClient = async () => {
      if (ended) await Promise.race([ended, setTimeout(longestWayMilliseconds, undefined, { ref: false })]);
      if (!client.writableEnded) client.end(explainLoss?.());
    };
    const output = conversion ? connection.pipe(conversion) : connection;
    output.pipe(client, { end: false });
    if (connection.readableEnded) void endClient();
    else output.once("end", endClient);
    // When a supervisor is killed before it has read all that was sent to it, or has given this client up.
    for (const stream of [connection, conversion]) stream?.once("error", endClient);
    client.on("data", (chunk: Buffer) => {
      const { output: input, detached } = filter?.(chunk) ?? { output: chunk, detached: false };
      if (detached) {
        isInputOver = true;
        const lastWords = onDetach();
        connection.destroy();
        client.end(lastWords);
        return;
      }
      if (connection.destroyed || connection.write(input)) return;
      client.pause();
      connection.once("drain", () => client.resume());
    });
    const endBoth = () => {
      endInput();
      connection.end(endsWithInput ? () => client.end() : undefined);
    };
    // Its half may have been closed right after the head, before this listener was added.
    if (client.readableEnded) endBoth();
    else client.once("end", endBoth);
    client.resume();
  });
}
