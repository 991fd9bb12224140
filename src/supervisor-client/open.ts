import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { internal } from "../errors.ts";
import { socketPath, supervisorLog, tryConnect } from "../supervisor-protocol/connect.ts";
import { oldestProtocol, protocolVersion } from "../supervisor-protocol/protocol.ts";
import { createSupervisorClient, type Supervisor } from "./client.ts";
import { introduce } from "./introduce.ts";
import type { Lifelines } from "./lifelines.ts";
import { createUnitStarter, type SupervisorUnit } from "./unit.ts";

/** Give up on a supervisor that neither listens nor exits; slow machines need many seconds. */
const startTimeoutMilliseconds = 180_000;

/** One that is killed as it starts, for want of memory say, has successors; what ends each of them will end the next as well. */
const mostStarts = 3;

/**
 * Connects to the supervisor of this run-time folder, and starts one when there is none.
 * @param unit has it start in its own control group, where it counts and is stopped as itself
 */
export async function openSupervisor(
  execRoot: string,
  spoolFolder: string,
  lifelines: Lifelines,
  unit?: SupervisorUnit,
): Promise<Supervisor> {
  const path = socketPath(execRoot);
  const askUnit = unit ? createUnitStarter(unit) : async () => false;
  const deadline = performance.now() + startTimeoutMilliseconds;
  // At once where there can be none yet: the caller may have much to do before this goes on.
  let child = unit || existsSync(path) ? undefined : startSupervisor(execRoot, spoolFolder);
  let starts = child ? 1 : 0;
  for (;;) {
    const socket = await tryConnect(path);
    const versions = { protocol: protocolVersion, oldest: oldestProtocol };
    const hello = { role: "control" as const, ...versions, spoolFolder };
    const welcome = socket && (await introduce(socket, hello));
    if (welcome) return createSupervisorClient(socket, welcome, path, lifelines);
    // With the status 0, another one served when it came.
    if (child?.exitCode === 0 || (hasEnded(child) && starts < mostStarts)) child = undefined;
    if (!socket && !(await askUnit()) && !child) {
      child = startSupervisor(execRoot, spoolFolder);
      starts++;
    }
    if (hasEnded(child) || performance.now() > deadline)
      throw internal(`the supervisor did not start; see ${supervisorLog(execRoot)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const hasEnded = (child: ChildProcess | undefined) =>
  child !== undefined && (child.pid === undefined || (child.exitCode ?? child.signalCode) !== null);

/** The supervisor is a session of its own, so that no signal to the daemon's terminal or process group reaches it. */
function startSupervisor(execRoot: string, spoolFolder: string): ChildProcess {
  mkdirSync(execRoot, { recursive: true, mode: 0o711 });
  const log = openSync(supervisorLog(execRoot), "a", 0o600);
  const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const main = fileURLToPath(new URL(`../supervisor/main${extension}`, import.meta.url));
  const child = spawn(process.execPath, ["--max-semi-space-size=1", main, execRoot, spoolFolder], {
    detached: true,
    stdio: ["ignore", log, log],
    cwd: "/",
  });
  // What could not be started has no pid, which the caller sees.
  child.on("error", () => {});
  child.unref();
  closeSync(log);
  return child;
}
