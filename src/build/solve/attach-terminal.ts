import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { StepVisitor } from "../client-session.ts";
import type { BuildRooms } from "../rooms.ts";

/** Joins a command that is about to be started with someone's terminal. */
export async function attachTerminal(
  rooms: BuildRooms,
  id: string,
  visitor: StepVisitor,
): Promise<{ ended: Promise<void>; close(): void }> {
  const client = randomBytes(32).toString("hex");
  const connection = await rooms
    .supervisor()
    .attach({ process: id, stdin: true, stdout: true, stderr: true, client });
  const gone = once(connection, "close").catch(() => {});
  visitor.listen(
    async (data) => {
      if (connection.destroyed || connection.write(data)) return;
      await Promise.race([once(connection, "drain").catch(() => {}), gone]);
    },
    (rows, columns) => {
      const resized = rooms.supervisor().call("resize", { process: id, rows, columns });
      // The command may have ended, or not quite begun: the next change of size tries again.
      resized.catch((error: unknown) =>
        rooms.logger.debug({ error, step: id }, "a terminal was not resized"),
      );
    },
  );
  const ended = (async () => {
    for await (const chunk of connection) await visitor.write(chunk as Buffer);
  })().catch((error: unknown) => rooms.logger.debug({ error, step: id }, "a step's terminal broke off"));
  return { ended, close: () => connection.destroy() };
}
