import { mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shouldStartWithDaemon } from "../formats/restart-policy.ts";
import type { LiveContainer } from "../networks/networks.ts";
import type { Exit, Held } from "../supervisor/protocol.ts";
import { bootId, isAlive } from "../sys/process.ts";
import { type Container, enterStatus } from "./container.ts";
import { type Containers, folderOf, save } from "./containers.ts";
import { discardContainer } from "./discard.ts";
import { recordExecExit } from "./exec.ts";
import { recordExit } from "./exit.ts";
import { logOptions } from "./log-options.ts";
import { volumeUsers } from "./mounts.ts";
import { initLayerOf } from "./rootfs.ts";
import { findStrayRunFiles } from "./run-files.ts";
import { deleteFromRuntime } from "./runtime-files.ts";
import { begin } from "./start.ts";
import { settlePause } from "./stop.ts";

/**
 * Makes records and reality one again after the daemon or the supervisor was away: finds what runs, takes note of what has
 * ended, removes what was half-made. To be called before anything else is done to containers.
 */
export async function restoreContainers(containers: Containers): Promise<void> {
  const held = new Map((await containers.supervisor.call("list", {})).map((one) => [one.process, one]));
  const ended: [Container, Exit][] = [];
  await Promise.all(
    [...containers.byId.values()].map((container) =>
      container.enqueue(async () => {
        const exit = await restoreOne(containers, container, held.get(container.record.id));
        if (exit) ended.push([container, exit]);
        else if (container.record.state.Pid > 0) await settlePause(containers, container);
        // A start that was cut off leaves its bundle, or what the runtime had begun with.
        else await deleteFromRuntime(containers, container);
      }),
    ),
  );
  await restoreExecs(containers, held);
  for (const path of await findStrayRunFiles(containers, held))
    rmSync(path, { recursive: true, force: true });
  await containers.networks.adopt(() => liveContainers(containers));
  for (const [container, exit] of ended) {
    await container.enqueue(() => recordExit(containers, container, exit));
  }
}

/** Those with a process, as the network knows them. */
export function liveContainers(containers: Containers): LiveContainer[] {
  return [...containers.byId.values()]
    .filter(({ record }) => record.state.Pid > 0)
    .map(({ record: { id, endpoints, ports } }) => ({ containerId: id, endpoints, ports }));
}

/** @returns how it ended, when it has ended unnoticed */
async function restoreOne(
  containers: Containers,
  container: Container,
  held: Held | undefined,
): Promise<Exit | undefined> {
  const { record } = container;
  const { id, state } = record;
  if (state.Pid === 0) {
    // Its start was never answered, so nobody counts on it; its end is then taken note of like any other.
    if (held && isAlive(held.pid, held.startTicks)) killUnrecorded(container, held);
    return held?.exit;
  }
  if (held?.exit) return held.exit;
  if (held && held.pid === state.Pid) return undefined;
  if (record.bootId === bootId() && isAlive(state.Pid, record.startTicks)) {
    const log = logOptions(folderOf(containers, id), container);
    await containers.supervisor.call("adopt", {
      process: id,
      pid: state.Pid,
      startTicks: record.startTicks,
      terminal: record.config.Tty,
      openStdin: record.config.OpenStdin,
      ...(log && { log }),
    });
    return undefined;
  }
  return { process: id, exitCode: undefined, at: Date.now() };
}

function killUnrecorded(container: Container, held: Held): void {
  container.record.state.Pid = held.pid;
  container.record.startTicks = held.startTicks;
  container.record.bootId = bootId();
  enterStatus(container.record.state, "running");
  process.kill(held.pid, "SIGKILL");
}

/** Goes on with those that this daemon started when it was the supervisor that went, and takes note of those that have ended. */
async function restoreExecs(containers: Containers, held: ReadonlyMap<string, Held>): Promise<void> {
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

/** Removes what a crash left of containers that were being made or removed, and starts those that are to run. */
export async function resumeContainers(containers: Containers): Promise<void> {
  const folder = join(containers.settings.root, "containers");
  mkdirSync(folder, { recursive: true, mode: 0o710 });
  const kept = new Set([...containers.byId.keys(), ...containers.records.setAside()]);
  for (const id of readdirSync(folder)) {
    if (!kept.has(id)) rmSync(join(folder, id), { recursive: true, force: true });
  }
  for (const owner of containers.images.owners()) {
    if (!kept.has(owner)) await containers.images.release(owner);
  }
  await containers.volumes.removeUnclaimed((name) => volumeUsers(containers, name).length > 0);
  const waiting = [...containers.byId.values()].values();
  const takeTurns = async () => {
    for (const container of waiting) await container.enqueue(() => resume(containers, container));
  };
  await Promise.all(Array.from({ length: startsAtOnce }, takeTurns));
}

async function resume(containers: Containers, container: Container): Promise<void> {
  const { state, hostConfig, stoppedByUser, id } = container.record;
  if (state.Pid > 0) return;
  const wasRestarting = state.Restarting;
  if (state.Status === "removing" || (state.Status === "exited" && hostConfig.AutoRemove)) {
    await discardContainer(containers, container, { removeVolumes: hostConfig.AutoRemove });
    return;
  }
  if (state.Running) {
    enterStatus(state, "exited");
    save(containers, container);
  }
  if (state.Status === "created") return;
  if (!wasRestarting && !shouldStartWithDaemon(hostConfig.RestartPolicy, stoppedByUser)) return;
  await begin(containers, container).catch((error: unknown) => {
    containers.logger.warn({ error, container: id }, "a container could not be started with the daemon");
  });
}

/** The layer below every container's own: what mounts are put over is in it, not in the container's changes. */
export function makeInitLayer(containers: Containers): void {
  const root = initLayerOf(containers);
  const directories = ["dev/pts", "dev/shm", "dev/mqueue", "proc", "sys", "etc"];
  for (const path of directories) mkdirSync(join(root, path), { recursive: true, mode: 0o755 });
  for (const path of [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"]) {
    writeFileSync(join(root, path), "", { flag: "a", mode: 0o644 });
  }
  rmSync(join(root, "etc/mtab"), { force: true });
  symlinkSync("/proc/mounts", join(root, "etc/mtab"));
}
