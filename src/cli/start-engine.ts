import { spawnSync } from "node:child_process";
import { connect } from "node:net";

/**
 * Starts the engine in the background when none answers at its default socket, as far as the launcher and our rights allow.
 * It says so on standard error. What goes wrong is left for the command itself to find.
 * @param launcher the script that started this command line
 */
export async function startEngineIfNone(socketPath: string, launcher: string): Promise<void> {
  if (process.getuid?.() !== 0 || (await isAnswering(socketPath))) return;
  spawnSync(launcher, ["start-engine"], { stdio: ["ignore", 2, 2] });
}

function isAnswering(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
