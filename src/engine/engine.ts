import { randomUUID } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Containers, openContainers } from "../containers/containers.ts";
import { handleExit } from "../containers/exit.ts";
import { makeInitLayer, restoreContainers, resumeContainers } from "../containers/restore.ts";
import { stopContainer } from "../containers/stop.ts";
import { createEvents, type Events } from "../events/events.ts";
import { createImages, type Images } from "../images/images.ts";
import { createLogger, type Logger } from "../logger.ts";
import { createNetworks, type Networks } from "../networks/networks.ts";
import { openState } from "../state/state.ts";
import { openSupervisor, type Supervisor, upcoming } from "../supervisor/client.ts";
import { createLifelines } from "../supervisor/lifelines.ts";
import { prepareCgroupParent, removeCgroup } from "../sys/cgroup.ts";
import { createVolumes, type Volumes } from "../volumes/volumes.ts";
import { completeEngineConfig, type EngineConfig } from "./config.ts";
import { startImageGarbage } from "./image-garbage.ts";
import { lockRoot } from "./lock.ts";
import { checkWritable } from "./read-only.ts";
import { reloadConfig } from "./reload.ts";

/** A container engine in this process: what the daemon serves, and what a program can embed. */
export interface Engine {
  config: EngineConfig & { id: string };
  containers: Containers;
  images: Images;
  networks: Networks;
  volumes: Volumes;
  events: Events;
  logger: Logger;
  /** Takes over what is new in a configuration without a restart, and logs it. @throws EngineError invalid; then nothing has changed */
  reload(given: Partial<EngineConfig>): void;
  /**
   * Ends the engine in this process. Containers run on, in the supervisor's care, and the next engine on the same roots
   * finds them again; with `stopContainers` they are stopped first and the supervisor, bridges and rules go as well.
   */
  close(options?: { stopContainers?: boolean }): Promise<void>;
  /** What the process it runs in does when a client asks for the engine's end. Without it, the client is refused. */
  onStopRequest?: (options: { stopContainers: boolean }) => void;
}

/**
 * Opens the engine on its data root and run-time folder, makes the network, finds what runs.
 * @throws EngineError conflict when another engine uses the same data root
 */
export async function createEngine(given: Partial<EngineConfig> = {}): Promise<Engine> {
  const config = { ...completeEngineConfig(given), id: "" };
  const { root, execRoot } = config;
  checkWritable(root);
  for (const name of ["rootfs", "shm"]) mkdirSync(join(execRoot, name), { recursive: true, mode: 0o711 });
  mkdirSync(root, { recursive: true, mode: 0o711 });
  const unlock = lockRoot(root);
  prepareCgroupParent(config.cgroupParent);
  const logger = createLogger(config.logLevel);
  const state = openState(join(root, "berth.db"), logger);
  config.id = engineId(state.records<{ id: string }>("engine"));
  const events = createEvents();
  const images = await createImages({ root, state, events, logger, registries: config.registries });
  const volumes = createVolumes({ root, state, events, logger });
  const networks = await createNetworks({
    state,
    events,
    logger,
    bridgeName: config.bridgeName,
    tableName: config.tableName,
    ...(config.bip && { bip: config.bip }),
  });
  const lifelines = createLifelines();
  const connect = () => openSupervisor(execRoot, join(root, "spool"), lifelines);
  const containers = openContainers({
    settings: config,
    events,
    images,
    networks,
    volumes,
    logger,
    state,
    supervisor: await connect(),
  });
  listen(containers.supervisor);
  makeInitLayer(containers);
  await restoreContainers(containers);
  await resumeContainers(containers);
  const imageGarbage = startImageGarbage(containers, config.imageGarbage);

  function listen(supervisor: Supervisor): void {
    // The last of the output has come before the exit, on connections of its own: it is passed on first.
    supervisor.onExit((exit) => setImmediate(handleExit, containers, exit));
    supervisor.onLost(() => {
      if (containers.closing) return;
      logger.error("the supervisor was lost; starting another, containers run on");
      reconnect().catch((error: unknown) => logger.fatal({ error }, "no supervisor could be started"));
    });
  }

  async function reconnect(): Promise<void> {
    const connecting = connect();
    containers.supervisor = upcoming(connecting);
    const supervisor = await connecting;
    containers.supervisor = supervisor;
    listen(supervisor);
    await restoreContainers(containers);
  }

  return {
    config,
    containers,
    images,
    networks,
    volumes,
    events,
    logger,
    reload: (changed) =>
      reloadConfig(config, changed, { registries: images.registries, imageGarbage, logger }),
    async close({ stopContainers = false } = {}) {
      containers.closing = true;
      imageGarbage.close();
      if (stopContainers) await stopAll(containers);
      // What has been begun is ended before the ground goes from under it.
      const impatience = setTimeout(() => abortStarts(containers), longestStartMilliseconds);
      await Promise.all([...containers.byId.values()].map((container) => container.enqueue(() => {})));
      await Promise.allSettled(containers.leaving.values());
      clearTimeout(impatience);
      if (stopContainers && (await containers.supervisor.call("shutdown", {}))) {
        await networks.destroy();
        removeCgroup(config.cgroupParent);
      } else {
        await networks.stop();
      }
      containers.supervisor.close();
      for (const container of containers.byId.values()) clearTimeout(container.restartTimer);
      await Promise.all([images.close(), volumes.close()]);
      state.close();
      unlock();
    },
  };
}

function engineId(records: {
  load(): Map<string, { id: string }>;
  put(key: string, value: { id: string }): void;
}) {
  const known = records.load().get("id")?.id;
  if (known) return known;
  const id = randomUUID();
  records.put("id", { id });
  return id;
}

/** How long the engine's end waits for the starts that are under way. */
const longestStartMilliseconds = 5000;

function abortStarts({ byId, supervisor, logger }: Containers): void {
  for (const { isStarting, record } of byId.values()) {
    if (!isStarting) continue;
    supervisor.call("abort", { process: record.id }).catch((error: unknown) => {
      logger.warn({ error, container: record.id }, "a start could not be ended");
    });
  }
}

async function stopAll(containers: Containers): Promise<void> {
  const running = [...containers.byId.values()].filter(({ record }) => record.state.Running);
  await Promise.all(
    running.map(async (container) => {
      // As at a machine's shutdown: their restart policies bring them up again with the next engine.
      const { stoppedByUser } = container.record;
      await stopContainer(containers, container, {}).catch((error: unknown) => {
        containers.logger.warn({ error, container: container.record.id }, "a container could not be stopped");
      });
      await container.enqueue(() => {
        container.record.stoppedByUser = stoppedByUser;
        if (containers.byId.has(container.record.id))
          containers.records.putSoon(container.record.id, container.record);
      });
    }),
  );
}
