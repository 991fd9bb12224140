import { hasCode } from "../../errors.ts";
import type { Exit, ListedProcess } from "../../supervisor-protocol/protocol.ts";
import { findCgroup } from "../../sys/cgroup.ts";
import { bootId, hasEnded, isAlive } from "../../sys/process.ts";
import type { Container } from "../container.ts";
import { type Containers, folderOf } from "../containers.ts";
import { logOptionsOf } from "../logs/drivers.ts";
import { cgroupOf, deleteFromRuntime } from "../runtime-files.ts";
import { isOfThisRun, recordExit } from "./exit.ts";
import { settlePause } from "./pause.ts";
import { openWitness } from "./witness.ts";

/**
 * Makes a container's record and its process one again. Call it within the container's queue.
 * @param listed what the supervisor held a while ago: the container may have been started again meanwhile
 * @param hasFiles whether the runtime, or the launcher, may have left something of it
 * @returns what records its end, when it has ended, and takes a turn of its own in the queue
 */
export async function restoreOne(
  containers: Containers,
  container: Container,
  listed: ListedProcess | undefined,
  hasFiles: boolean,
): Promise<(() => Promise<void>) | undefined> {
  const exit = await findOut(containers, container, listed);
  if (exit) return () => container.enqueue(() => recordExit(containers, container, exit));
  const { state, startTicks } = container.record;
  if (state.Pid === 0) {
    // A start that was cut off leaves its bundle, or what the runtime had begun with.
    if (hasFiles) await deleteFromRuntime(containers, container);
    return undefined;
  }
  if (hasEnded(state.Pid, startTicks)) {
    // From now on, since the notice may be here before the end is asked for.
    const recorded = awaitExit(containers, container);
    recorded.catch(() => {});
    return () => recorded;
  }
  const cgroup = cgroupOf(containers, container);
  containers.launcher.endProbes(
    container.record.id,
    cgroup,
    (id) => containers.execs.get(id)?.running ?? false,
  );
  // A commit thaws what it has stand still.
  if (!container.isHeldStill) await settlePause(containers, container);
  return undefined;
}

/** A supervisor's exit notice of a process that has ended by now comes within milliseconds. */
const noticeTimeoutMilliseconds = 10_000;

/** Waits for the notice, and records an exit of unknown code when there is none: the daemon's start depends on no one message. */
async function awaitExit(containers: Containers, container: Container): Promise<void> {
  const { id, state, startTicks } = container.record;
  const pid = state.Pid;
  const limit = AbortSignal.timeout(noticeTimeoutMilliseconds);
  await container.wait("next-exit", limit).catch(() => {
    containers.logger.warn({ container: id }, "the supervisor did not report an exit");
    const exit: Exit = { process: id, pid, startTicks, exitCode: undefined, at: Date.now() };
    return container.enqueue(() => recordExit(containers, container, exit));
  });
}

/** @returns how it ended, when it has ended unnoticed */
async function findOut(
  containers: Containers,
  container: Container,
  listed: ListedProcess | undefined,
): Promise<Exit | undefined> {
  const { record } = container;
  const { id, state } = record;
  const held = listed?.exit && !isOfThisRun(container, listed.exit) ? undefined : listed;
  if (state.Pid === 0) {
    // Its start was never answered, so no client relies on it. Its end is then recorded like any other.
    if (held && isAlive(held.pid, held.startTicks)) killUnrecorded(container, held);
    return held?.exit;
  }
  if (held?.exit) return held.exit;
  // Earlier versions have not stored it.
  record.cgroup ??= findCgroup(state.Pid, id);
  container.witness ??= openWitness(state.Pid, record.startTicks);
  if (held && held.pid === state.Pid) return undefined;
  if (record.bootId === bootId() && (await adopt(containers, container))) return undefined;
  return { process: id, pid: state.Pid, startTicks: record.startTicks, exitCode: undefined, at: Date.now() };
}

/**
 * Has the supervisor go on with a container, also with one that has ended: what it wrote may still be in its pipes, and the exit is
 * then reported like any other.
 * @returns false when it has ended and left nothing
 */
async function adopt(containers: Containers, { record }: Container): Promise<boolean> {
  const { id, state, startTicks, config } = record;
  try {
    await containers.supervisor.call("adopt", {
      process: id,
      pid: state.Pid,
      startTicks,
      terminal: config.Tty,
      openStdin: config.OpenStdin,
      log: logOptionsOf(folderOf(containers, id), record),
    });
    return true;
  } catch (error) {
    if (!hasEnded(state.Pid, startTicks)) throw error;
    return false;
  }
}

function killUnrecorded(container: Container, held: ListedProcess): void {
  container.record.state.Pid = held.pid;
  container.record.startTicks = held.startTicks;
  container.record.bootId = bootId();
  container.enter("foundRunning");
  try {
    process.kill(held.pid, "SIGKILL");
  } catch (error) {
    // It ended this moment.
    if (!hasCode(error, "ESRCH")) throw error;
  }
}
