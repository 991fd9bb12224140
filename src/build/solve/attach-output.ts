import { randomBytes } from "node:crypto";
import { internal, messageOf } from "../../errors.ts";
import { createFrameDecoder } from "../../formats/stdcopy.ts";
import type { BuildRooms } from "../rooms.ts";

/**
 * Listens to a command's output from its beginning.
 * @returns `ended` rejects with EngineError internal when the supervisor cannot keep the output until it is read
 */
export async function attachOutput(
  rooms: Pick<BuildRooms, "supervisor">,
  id: string,
  onOutput: (stream: "stdout" | "stderr", data: Buffer) => void,
): Promise<{ ended: Promise<void>; close(): void }> {
  const client = randomBytes(32).toString("hex");
  const connection = await rooms
    .supervisor()
    .attach({ process: id, stdin: false, stdout: true, stderr: true, client });
  const frames = createFrameDecoder(onOutput);
  const ended = new Promise<void>((resolve, reject) => {
    connection.on("data", (chunk: Buffer) => {
      try {
        frames.push(chunk);
      } catch (error) {
        reject(internal(`the command's output was lost: ${messageOf(error)}`, error));
        connection.destroy();
      }
    });
    connection.once("close", resolve);
    connection.on("error", () => resolve());
    connection.once("end", resolve);
    // It comes paused, so that nothing is lost before this.
    connection.resume();
  });
  // The command's start may fail before it is waited for.
  ended.catch(() => {});
  return { ended, close: () => connection.destroy() };
}
