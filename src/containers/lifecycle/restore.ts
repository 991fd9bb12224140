import { rmSync } from "node:fs";
import { hasCode } from "../../errors.ts";
import type { Exit, ListedProcess } from "../../supervisor-protocol/protocol.ts";
import { findCgroup } from "../../sys/cgroup.ts";
import { bootId, hasEnded, isAlive } from "../../sys/process.ts";
import type { Container } from "../container.ts";
import { type Containers, folderOf } from "../containers.ts";
import { recordExecExit } from "../exec/exec.ts";
import { logOptionsOf } from "../logs/drivers.ts";
import { findIdsWithRunFiles, findStrayRunFiles } from "../run-files.ts";
import { deleteFromRuntime } from "../runtime-files.ts";
import { findProcess, sandboxOwners } from "../sandbox.ts";
import { isOfThisRun, recordExit } from "./exit.ts";
import { settlePause } from "./pause.ts";
import { openWitness } from "./witness.ts";

/**
 * Makes records and reality one again after the daemon or the supervisor was away: finds what runs, takes note of what has
 * ended, removes what was half-made. Call it before anything else is done to containers.
 */
export async function restoreContainers(
  containers: Containers,
  retryMilliseconds = firstRetryMilliseconds,
): Promise<void> {
  for (const { record } of containers.byId.values())
    if (record.state.Pid > 0) containers.volumes.adopt(record.mounts, record.id);
  const held = new Map((await containers.supervisor.call("list", {})).map((one) => [one.process, one]));
  const left = await findIdsWithRunFiles(containers);
  const attempts = createAttempts(containers, retryMilliseconds);
  const ended: [Container, Exit][] = [];
  const ending: Promise<void>[] = [];
  // Of thousands that are stopped there is nothing to find out.
  const concerned = [...containers.byId.values()].filter(
    ({ record: { id, state } }) => state.Pid > 0 || held.has(id) || left.has(id),
  );
  const findOut = async (container: Container) => {
    const exit = await restoreOne(containers, container, held.get(container.record.id));
    const { id, state, startTicks } = container.record;
    if (exit) ended.push([container, exit]);
    else if (state.Pid > 0 && hasEnded(state.Pid, startTicks)) ending.push(awaitExit(containers, container));
    else if (state.Pid > 0) await settlePause(containers, container);
    // A start that was cut off leaves its bundle, or what the runtime had begun with.
    else if (left.has(id)) await deleteFromRuntime(containers, container);
  };
  await Promise.all(
    concerned.map((container) =>
      attempts.attempt(container.record.id, () => container.enqueue(() => findOut(container))),
    ),
  );
  await restoreExecs(containers, held, attempts);
  for (const path of await findStrayRunFiles(containers, held))
    rmSync(path, { recursive: true, force: true });
  await containers.networks.adopt(() => sandboxOwners(containers));
  await containers.networks.tellAgain((id) => findProcess(containers, id));
  for (const [container, exit] of ended) {
    const record = () => recordExit(containers, container, exit);
    await attempts.attempt(container.record.id, () => container.enqueue(record));
  }
  await Promise.all(ending);
  attempts.repeat();
}

interface Attempts {
  /** Logs a failure: the others are restored all the same. */
  attempt(id: string, work: () => Promise<void>): Promise<void>;
  /** Tries all of it again in a while, if there was one: what is in order stays as it is. */
  repeat(): void;
}

const firstRetryMilliseconds = 5000;
const longestRetryMilliseconds = 300_000;

/** The next try of an engine: those of several failures are one. */
const retries = new WeakMap<Containers, NodeJS.Timeout>();

function createAttempts(containers: Containers, delay: number): Attempts {
  const { logger } = containers;
  let hasFailed = false;

  async function restoreAgain(): Promise<void> {
    if (containers.closing) return;
    await restoreContainers(containers, Math.min(2 * delay, longestRetryMilliseconds)).catch(
      (error: unknown) => {
        logger.warn({ error }, "containers could not be restored");
        repeat();
      },
    );
  }

  function repeat(): void {
    clearTimeout(retries.get(containers));
    retries.set(containers, setTimeout(restoreAgain, delay).unref());
  }

  return {
    async attempt(id, work) {
      await work().catch((error: unknown) => {
        hasFailed = true;
        logger.warn({ error, container: id }, "a container could not be restored, and is tried again");
      });
    },
    repeat: () => hasFailed && repeat(),
  };
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

/**
 * @param listed what the supervisor held a while ago: the container may have been started again meanwhile
 * @returns how it ended, when it has ended unnoticed
 */
async function restoreOne(
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

/** Goes on with those that this daemon started when it was the supervisor that went, and takes note of those that have ended. */
async function restoreExecs(
  containers: Containers,
  held: ReadonlyMap<string, ListedProcess>,
  { attempt }: Attempts,
): Promise<void> {
  for (const { process, exit } of held.values()) {
    if (exit && !containers.byId.has(process)) recordExecExit(containers, exit);
  }
  for (const { id, pid, startTicks, running, request } of containers.execs.values()) {
    if (!running || pid === 0 || held.has(id)) continue;
    await attempt(id, async () => {
      if (hasEnded(pid, startTicks)) {
        recordExecExit(containers, { process: id, exitCode: undefined, at: Date.now() });
        return;
      }
      const { tty: terminal, stdin: openStdin } = request;
      await containers.supervisor.call("adopt", { process: id, pid, startTicks, terminal, openStdin });
    });
  }
}
