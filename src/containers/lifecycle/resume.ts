import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { findModeContainer } from "../../formats/namespace-mode.ts";
import { shouldStartWithDaemon } from "../../formats/restart-policy.ts";
import { isLateBy } from "../../sys/long-timeout.ts";
import { createGate } from "../../sys/queue.ts";
import { removeTree } from "../../trees/trees.ts";
import type { Container } from "../container.ts";
import { type Containers, findContainer, save } from "../containers.ts";
import { containerOfHolder } from "../image-mounts.ts";
import { clearMountSources } from "../mount-sources.ts";
import { volumeUsers } from "../mounts.ts";
import { discardContainer } from "./discard.ts";
import { beginUnasked, removeOnceSent } from "./exit.ts";

const startsAtOnce = 8;
const patienceMilliseconds = 10_000;
/** For the start of another container, as in Docker. */
const longestWaitMilliseconds = 5000;

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
  const waiting = [...containers.byId.values()].filter(isUnsettled);
  const done = resumeAll(containers, waiting);
  containers.isResumed = true;
  await noLonger(done);
}

/** Containers that others join or are linked to are started first. Only a container that can start takes a turn. */
async function resumeAll(containers: Containers, waiting: Container[]): Promise<void> {
  const ends = new Map(waiting.map(({ record }) => [record.id, Promise.withResolvers<void>()]));
  const inTurn = createGate(startsAtOnce);
  const resumeOne = async (container: Container) => {
    const needed = neededBy(containers, container).flatMap((id) => ends.get(id)?.promise ?? []);
    if (needed.length > 0) await isLateBy(longestWaitMilliseconds, Promise.all(needed));
    const work = () => noLonger(container.enqueue(() => resume(containers, container)));
    await inTurn(work).finally(() => ends.get(container.record.id)?.resolve());
  };
  await Promise.all(waiting.map(resumeOne));
}

/** Ids of the containers without which it cannot start. */
function neededBy(containers: Containers, { record: { hostConfig, links } }: Container): string[] {
  const { NetworkMode, PidMode, IpcMode } = hostConfig;
  const joined = [NetworkMode, PidMode, IpcMode].flatMap((mode) => {
    const name = findModeContainer(mode);
    return name ? (findUnambiguous(containers, name)?.record.id ?? []) : [];
  });
  return [...joined, ...links.map(({ id }) => id)];
}

/** An id that has become ambiguous is the failure of that container's start, and not the engine's. */
function findUnambiguous(containers: Containers, reference: string): Container | undefined {
  try {
    return findContainer(containers, reference);
  } catch {
    return undefined;
  }
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
  ["removing", "dead"].includes(state.Status) || (state.Status === "exited" && hostConfig.AutoRemove);

function isToStart({ record: { state, hostConfig, stoppedByUser, restartCount } }: Container): boolean {
  if (state.Status === "created") return false;
  const { ExitCode: exitCode } = state;
  const ended = { exitCode, stoppedByUser, restartCount };
  return state.Restarting || shouldStartWithDaemon(hostConfig.RestartPolicy, ended);
}

async function resume(containers: Containers, container: Container): Promise<void> {
  const { state, hostConfig, id } = container.record;
  // It may have changed while it waited for its turn.
  if (container.isGone || containers.closing || !isUnsettled(container)) return;
  if (isToGo(container)) {
    const unsent = state.Status === "exited" && containers.unsent.get(id);
    if (unsent) return void removeOnceSent(containers, container, unsent);
    await discardContainer(containers, container, { removeVolumes: hostConfig.AutoRemove }).catch(
      (error: unknown) => {
        containers.logger.warn({ error, container: id }, "what is left of a container could not be removed");
      },
    );
    return;
  }
  const starts = isToStart(container);
  if (state.Running) {
    container.enter("foundEnded");
    save(containers, container);
  }
  if (!starts) return;
  // As with Docker it begins from the start: else "on-failure:1" would come back after one end of the daemon, and after no other.
  Object.assign(container.record, { restartCount: 0, stoppedByUser: false });
  await beginUnasked(containers, container).catch((error: unknown) => {
    containers.logger.warn({ error, container: id }, "a container could not be started with the daemon");
  });
}
