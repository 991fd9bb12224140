import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { shouldStartWithDaemon } from "../../formats/restart-policy.ts";
import type { Exit, ListedProcess } from "../../supervisor-protocol/protocol.ts";
import { findCgroup } from "../../sys/cgroup.ts";
import { isLateBy } from "../../sys/long-timeout.ts";
import { bootId, isAlive } from "../../sys/process.ts";
import { removeTree } from "../../trees/trees.ts";
import type { Container } from "../container.ts";
import { type Containers, folderOf, save } from "../containers.ts";
import { recordExecExit } from "../exec/exec.ts";
import { containerOfHolder } from "../image-mounts.ts";
import { logOptionsOf } from "../logs/drivers.ts";
import { clearMountSources } from "../mount-sources.ts";
import { volumeUsers } from "../mounts.ts";
import { findIdsWithRunFiles, findStrayRunFiles } from "../run-files.ts";
import { deleteFromRuntime } from "../runtime-files.ts";
import { findProcess, sandboxOwners } from "../sandbox.ts";
import { discardContainer } from "./discard.ts";
import { isOfThisRun, recordExit, removeOnceSent } from "./exit.ts";
import { settlePause } from "./pause.ts";
import { begin } from "./start.ts";
import { openWitness } from "./witness.ts";

/**
 * Makes records and reality one again after the daemon or the supervisor was away: finds what runs, takes note of what has
 * ended, removes what was half-made. Call it before anything else is done to containers.
 */
export async function restoreContainers(containers: Containers): Promise<void> {
  for (const { record } of containers.byId.values())
    if (record.state.Pid > 0) containers.volumes.adopt(record.mounts, record.id);
  const held = new Map((await containers.supervisor.call("list", {})).map((one) => [one.process, one]));
  const left = await findIdsWithRunFiles(containers);
  const ended: [Container, Exit][] = [];
  const ending: Promise<void>[] = [];
  // Of thousands that are stopped there is nothing to find out.
  const concerned = [...containers.byId.values()].filter(
    ({ record: { id, state } }) => state.Pid > 0 || held.has(id) || left.has(id),
  );
  await Promise.all(
    concerned.map((container) =>
      container.enqueue(async () => {
        const exit = await restoreOne(containers, container, held.get(container.record.id));
        const { state, startTicks } = container.record;
        if (exit) ended.push([container, exit]);
        else if (state.Pid > 0 && !isAlive(state.Pid, startTicks))
          ending.push(awaitExit(containers, container));
        else if (state.Pid > 0) await settlePause(containers, container);
        // A start that was cut off leaves its bundle, or what the runtime had begun with.
        else if (left.has(container.record.id)) await deleteFromRuntime(containers, container);
      }),
    ),
  );
  await restoreExecs(containers, held);
  for (const path of await findStrayRunFiles(containers, held))
    rmSync(path, { recursive: true, force: true });
  await containers.networks.adopt(() => sandboxOwners(containers));
  await containers.networks.tellAgain((id) => findProcess(containers, id));
  for (const [container, exit] of ended) {
    await container.enqueue(() => recordExit(containers, container, exit));
  }
  await Promise.all(ending);
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
    if (isAlive(state.Pid, startTicks)) throw error;
    return false;
  }
}

function killUnrecorded(container: Container, held: ListedProcess): void {
  container.record.state.Pid = held.pid;
  container.record.startTicks = held.startTicks;
  container.record.bootId = bootId();
  container.enter("foundRunning");
  process.kill(held.pid, "SIGKILL");
}

/** Goes on with those that this daemon started when it was the supervisor that went, and takes note of those that have ended. */
async function restoreExecs(containers: Containers, held: ReadonlyMap<string, ListedProcess>): Promise<void> {
  for (const { process, exit } of held.values()) {
    if (exit && !containers.byId.has(process)) recordExecExit(containers, exit);
  }
  for (const { id, pid, startTicks, running, request } of containers.execs.values()) {
    if (!running || pid === 0 || held.has(id)) continue;
    if (isAlive(pid, startTicks)) {
      const { tty: terminal, stdin: openStdin } = request;
      await containers.supervisor.call("adopt", { process: id, pid, startTicks, terminal, openStdin });
    } else recordExecExit(containers, { process: id, exitCode: undefined, at: Date.now() });
  }
}

const startsAtOnce = 8;
const patienceMilliseconds = 10_000;

/** Removes what a crash left of containers that were being made or removed, and starts those that are to run. */
export async function resumeContainers(containers: Containers): Promise<void> {
  const folder = join(containers.settings.root, "containers");
  mkdirSync(folder, { recursive: true, mode: 0o710 });
  const kept = new Set([...containers.byId.keys(), ...containers.records.setAside()]);
  for (const id of readdirSync(folder)) {
    if (!kept.has(id)) await removeLeftover(containers, join(folder, id));
  }
  clearMountSources(containers);
  await containers.volumes.unmountUnused();
  for (const owner of containers.images.owners()) {
    if (!kept.has(containerOfHolder(owner))) await containers.images.release(owner);
  }
  await containers.volumes.removeUnclaimed((name) => volumeUsers(containers, name).length > 0);
  const waiting = [...containers.byId.values()].filter(isUnsettled).values();
  const takeTurns = async () => {
    for (const container of waiting) await noLonger(container.enqueue(() => resume(containers, container)));
  };
  await noLonger(Promise.all(Array.from({ length: startsAtOnce }, takeTurns)));
}

/** The start of a container whose volume is on a server that does not answer holds up neither the others nor the engine. */
async function noLonger(work: Promise<unknown>): Promise<void> {
  await isLateBy(patienceMilliseconds, work);
}

/** What cannot be removed is for `system check` to report, and keeps no engine from starting. */
async function removeLeftover({ logger }: Containers, path: string): Promise<void> {
  await removeTree(path).catch((error: unknown) => {
    logger.warn({ error, path }, "what a crash left of a container could not be removed");
  });
}

/** Whether a start of the engine has anything to do for it. */
function isUnsettled(container: Container): boolean {
  const { Pid, Running } = container.record.state;
  return Pid === 0 && (Running || isToGo(container) || isToStart(container));
}

const isToGo = ({ record: { state, hostConfig } }: Container) =>
  state.Status === "removing" || (state.Status === "exited" && hostConfig.AutoRemove);

function isToStart({ record: { state, hostConfig, stoppedByUser } }: Container): boolean {
  if (state.Status === "created") return false;
  return state.Restarting || shouldStartWithDaemon(hostConfig.RestartPolicy, stoppedByUser);
}

async function resume(containers: Containers, container: Container): Promise<void> {
  const { state, hostConfig, id } = container.record;
  // It may have changed while it waited for its turn.
  if (!isUnsettled(container)) return;
  if (isToGo(container)) {
    const unsent = state.Status === "exited" && containers.unsent.get(id);
    if (unsent) return void removeOnceSent(containers, container, unsent);
    await discardContainer(containers, container, { removeVolumes: hostConfig.AutoRemove });
    return;
  }
  const starts = isToStart(container);
  if (state.Running) {
    container.enter("foundEnded");
    save(containers, container);
  }
  if (!starts) return;
  await begin(containers, container).catch((error: unknown) => {
    containers.logger.warn({ error, container: id }, "a container could not be started with the daemon");
  });
}
