import { rmSync } from "node:fs";
import type { ListedProcess } from "../../supervisor-protocol/protocol.ts";
import { killIfIn } from "../../sys/cgroup.ts";
import { hasEnded } from "../../sys/process.ts";
import { createRetries, type Retries } from "../../sys/retries.ts";
import { settleNetworks } from "../connect.ts";
import type { Container } from "../container.ts";
import type { Containers, Exec } from "../containers.ts";
import { recordExecExit } from "../exec/exec.ts";
import { findIdsWithRunFiles, findPidIn, findStrayRunFiles, type OtherProcesses } from "../run-files.ts";
import { cgroupOf } from "../runtime-files.ts";
import { findProcess, sandboxOwners } from "../sandbox.ts";
import { restoreOne } from "./restore-one.ts";

/**
 * Makes records and reality one again after the daemon or the supervisor was away: finds what runs, takes note of what has
 * ended, removes what was half-made. At a daemon's start, call it before anything else is done to containers.
 * @param others they keep their files and networks: after a supervisor was lost, builds go on meanwhile
 */
export async function restoreContainers(containers: Containers, others: OtherProcesses): Promise<void> {
  const ends = await restoreProcesses(containers, others);
  // What an engine that ends takes down is not to be made again. The next engine records what has ended.
  if (containers.closing) return;
  try {
    await adoptNetworks(containers, others);
  } finally {
    await recordEnds(containers, ends);
  }
  await settleAllNetworks(containers);
}

/** The same while the engine is at work and its supervisor was lost. Networks that cannot be adopted keep nothing else, and are tried again. */
export async function restoreAfterLoss(containers: Containers, others: OtherProcesses): Promise<void> {
  const ends = await restoreProcesses(containers, others);
  const adopt = async () => {
    if (containers.closing) return true;
    try {
      await adoptNetworks(containers, others);
      return true;
    } catch (error) {
      containers.logger.warn({ error }, "networks could not be taken over, and are tried again");
      return false;
    }
  };
  if (!(await adopt())) createRetries(adopt).add("networks");
  if (containers.closing) return;
  await recordEnds(containers, ends);
  await settleAllNetworks(containers);
}

/** An end of a run, to be recorded once the networks are known that the run had. */
type End = [Container, () => Promise<void>];

async function restoreProcesses(containers: Containers, others: OtherProcesses): Promise<End[]> {
  for (const { record } of containers.byId.values())
    if (record.state.Pid > 0) containers.volumes.adopt(record.mounts, record.id);
  const held = await listHeld(containers);
  const left = await findIdsWithRunFiles(containers);
  const ends: End[] = [];
  // Of thousands that are stopped there is nothing to find out.
  const concerned = [...containers.byId.values()].filter(
    ({ record: { id, state } }) => state.Pid > 0 || held.has(id) || left.has(id),
  );
  const restore = async (container: Container) => {
    const { id } = container.record;
    const end = await container.enqueue(() => restoreOne(containers, container, held.get(id), left.has(id)));
    if (end) ends.push([container, end]);
  };
  await Promise.all(
    concerned.map((container) => attempt(containers, container.record.id, () => restore(container))),
  );
  await restoreExecs(containers, held);
  for (const path of await findStrayRunFiles(containers, held, others)) {
    endStray(containers, path);
    rmSync(path, { recursive: true, force: true });
  }
  return ends;
}

async function adoptNetworks(containers: Containers, others: OtherProcesses): Promise<void> {
  await containers.networks.adopt(() => [...sandboxOwners(containers), ...others.sandboxOwners()]);
  if (containers.closing) return;
  await containers.networks.tellAgain((id) => findProcess(containers, id));
}

async function recordEnds(containers: Containers, ends: readonly End[]): Promise<void> {
  for (const [container, end] of ends) {
    if (containers.closing) return;
    await attempt(containers, container.record.id, end);
  }
}

async function settleAllNetworks(containers: Containers): Promise<void> {
  for (const id of containers.networks.unsettled()) {
    const container = containers.byId.get(id);
    if (container) await attempt(containers, id, () => settleNetworks(containers, container));
  }
}

/** An exec whose start was not answered did not happen: what its runtime has made in a container all the same is killed. */
function endStray(containers: Containers, runFiles: string): void {
  const pid = findPidIn(runFiles);
  if (pid === undefined) return;
  for (const container of containers.byId.values()) {
    const { Pid } = container.record.state;
    // It may have been given the number of an exec that ended.
    if (Pid > 0 && Pid !== pid && killIfIn(pid, cgroupOf(containers, container))) return;
  }
}

/** The same for one container, while the engine is at work: nothing is done to any other. */
export async function restoreContainer(containers: Containers, container: Container): Promise<void> {
  const { id } = container.record;
  const end = await container.enqueue(async () => {
    if (container.isGone) return;
    const [held, left] = [await listHeld(containers), await findIdsWithRunFiles(containers)];
    return restoreOne(containers, container, held.get(id), left.has(id));
  });
  await end?.();
}

async function listHeld({ supervisor }: Containers): Promise<Map<string, ListedProcess>> {
  return new Map((await supervisor.call("list", {})).map((one) => [one.process, one]));
}

/** Of containers and execs that could not be restored. */
const retries = new WeakMap<Containers, Retries>();

function retriesOf(containers: Containers): Retries {
  const known = retries.get(containers);
  if (known) return known;
  const created = createRetries((id) => succeeds(containers, id, () => restoreAgain(containers, id)));
  retries.set(containers, created);
  return created;
}

async function restoreAgain(containers: Containers, id: string): Promise<void> {
  if (containers.closing) return;
  const container = containers.byId.get(id);
  if (container) return restoreContainer(containers, container);
  const exec = containers.execs.get(id);
  if (exec) await restoreExec(containers, exec, await listHeld(containers));
}

/** The others are restored all the same when one cannot be. */
async function attempt(containers: Containers, id: string, work: () => Promise<void>): Promise<void> {
  if (!(await succeeds(containers, id, work))) retriesOf(containers).add(id);
}

/** @returns false for a failure that is worth another try */
async function succeeds(containers: Containers, id: string, work: () => Promise<void>): Promise<boolean> {
  const { logger } = containers;
  try {
    await work();
    return true;
  } catch (error) {
    const isRetried = !containers.closing && mayComeRight(containers, id);
    const outcome = `a container could not be restored${isRetried ? ", and is tried again" : ""}`;
    logger.warn({ error, container: id }, outcome);
    return !isRetried;
  }
}

/** What is left of one that has ended is for its next start and for `system check`. One whose runtime is no longer configured stays as it is. */
function mayComeRight({ byId, execs, settings }: Containers, id: string): boolean {
  const record = byId.get(id)?.record;
  if (!record) return execs.get(id)?.running ?? false;
  return record.state.Pid > 0 && Object.hasOwn(settings.runtimes, record.hostConfig.Runtime);
}

/** Goes on with those that this daemon started when it was the supervisor that went, and takes note of those that have ended. */
async function restoreExecs(containers: Containers, held: ReadonlyMap<string, ListedProcess>): Promise<void> {
  for (const { process, exit } of held.values()) {
    if (exit && !containers.byId.has(process)) recordExecExit(containers, exit);
  }
  for (const exec of containers.execs.values())
    await attempt(containers, exec.id, () => restoreExec(containers, exec, held));
}

async function restoreExec(
  containers: Containers,
  { id, pid, startTicks, running, request }: Exec,
  held: ReadonlyMap<string, ListedProcess>,
): Promise<void> {
  if (!running || pid === 0 || held.has(id)) return;
  if (hasEnded(pid, startTicks)) {
    recordExecExit(containers, { process: id, exitCode: undefined, at: Date.now() });
    return;
  }
  const { tty: terminal, stdin: openStdin } = request;
  await containers.supervisor.call("adopt", { process: id, pid, startTicks, terminal, openStdin });
}
