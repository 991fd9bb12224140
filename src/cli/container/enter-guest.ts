import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import type { Client } from "../../client/client.ts";
import { messageOf } from "../../errors.ts";
import { isStaticProgram } from "../../formats/static-program.ts";
import { paddingAfter } from "../../formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../formats/tar/tar-writer.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";

/** A busybox that was brought into a container for a while. */
export interface Guest {
  containerId: string;
  /** As the user calls it. */
  container: string;
  folder: string;
  /** The command line that runs these words with it; without any, a shell. */
  wrap(words: readonly string[]): string[];
}

const places = ["/usr/bin/busybox", "/bin/busybox"];

/** Copies this machine's busybox into the container, and says so. @throws ExitError when it has none, or cannot be written to */
export async function bringShell(
  cli: Cli,
  client: Client,
  containerId: string,
  container: string,
): Promise<Guest> {
  const program = readBusybox(cli);
  const why = `container ${container} has no shell`;
  if (program === undefined) {
    throw new ExitError(
      1,
      `${why}, and this machine has no static busybox to bring along\n\nInstall one with 'apt-get install busybox-static', or copy one with 'berth cp BUSYBOX ${container}:/busybox' and run 'berth exec -it ${container} /busybox sh'`,
    );
  }
  const name = `.berth-enter-${randomBytes(8).toString("hex")}`;
  try {
    await client.containers.writeArchive(containerId, "/", packGuest(name, program), {});
  } catch (error) {
    throw new ExitError(1, `${why}, and none can be copied into it: ${messageOf(error)}`);
  }
  cli.warn(`${why}: busybox is at /${name} until you leave`);
  const busybox = `/${name}/busybox`;
  return {
    containerId,
    container,
    folder: `/${name}`,
    // By way of a shell, so that both the container's own commands and busybox's are found.
    wrap: (words) => (words.length > 0 ? [busybox, "sh", "-c", 'exec "$0" "$@"', ...words] : [busybox, "sh"]),
  };
}

/** By the container's root, whatever user was inside; a container that has ended keeps the file, which is said. */
export async function removeGuest(cli: Cli, client: Client, guest: Guest): Promise<void> {
  const { containerId, container, folder } = guest;
  try {
    const { Id } = await client.execs.create(containerId, {
      User: "0",
      AttachStdout: true,
      AttachStderr: true,
      Cmd: [`${folder}/busybox`, "rm", "-rf", folder],
    });
    const { socket } = await client.execs.attach(Id, { Tty: false });
    for await (const _ of socket);
    const { ExitCode } = await client.execs.inspect(Id);
    if (ExitCode !== 0) throw new Error(`rm ended with exit code ${ExitCode}`);
  } catch (error) {
    cli.warn(`WARNING: ${folder} is still in container ${container}: ${messageOf(error)}`);
  }
}

/** Whatever ends this process by a signal, such as a terminal that is closed, has the guest removed first. @returns what ends the watch */
export function removeAtSignals(cli: Cli, client: Client, guest: Guest): () => void {
  const watched = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGTERM"] as const;
  const leave = (_signal: NodeJS.Signals, number: number) => {
    removeGuest(cli, client, guest).finally(() => process.exit(128 + number));
  };
  for (const signal of watched) process.once(signal, leave);
  return () => {
    for (const signal of watched) process.off(signal, leave);
  };
}

/** @returns undefined when there is none, or none that runs without libraries */
export function readBusybox(cli: Cli): Buffer | undefined {
  const { BERTH_BUSYBOX: own } = cli.env;
  for (const file of own ? [own] : places) {
    try {
      const program = readFileSync(file);
      if (isStaticProgram(program)) return program;
    } catch {
      // The next place may have it.
    }
  }
  return undefined;
}

function packGuest(folder: string, program: Buffer): Readable {
  const owner = { uid: 0, gid: 0, mode: 0o755, mtime: { seconds: 0, nanoseconds: 0 } };
  const sizeBytes = program.length;
  return Readable.from([
    encodeEntry({ ...owner, name: folder, type: "directory", sizeBytes: 0 }),
    encodeEntry({ ...owner, name: `${folder}/busybox`, type: "file", sizeBytes }),
    program,
    Buffer.alloc(paddingAfter(sizeBytes)),
    archiveEnd,
  ]);
}
