import { randomUUID } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Builder, openBuilder } from "../build/builder.ts";
import { type Containers, openContainers } from "../containers/containers.ts";
import { makeUsualInitLayer } from "../containers/create/init-layer.ts";
import { watchHealth } from "../containers/health/monitor.ts";
import { handleExit } from "../containers/lifecycle/exit.ts";
import { watchOom } from "../containers/lifecycle/oom.ts";
import { restoreAfterLoss, restoreContainers } from "../containers/lifecycle/restore.ts";
import { resumeContainers } from "../containers/lifecycle/resume.ts";
import { runtimeNamed } from "../containers/runtime-files.ts";
import { watchLogs } from "../containers/shipping/watch-logs.ts";
import { invalid } from "../errors.ts";
import { createEvents, type Events } from "../events/events.ts";
import { kindOf, required } from "../formats/record-shape.ts";
import { struct, text } from "../formats/shape.ts";
import { version } from "../formats/version.ts";
import { type BuildDoor, openBuildDoor } from "../grpc/grpc.ts";
import type { Images } from "../images/images.ts";
import { createLogger, type Logger } from "../logger.ts";
import { createMetrics, type EngineMetrics } from "../metrics/metrics.ts";
import type { Networks } from "../networks/networks.ts";
import { createCdiRegistry } from "../runtime/cdi/registry.ts";
import { openState } from "../state/state.ts";
import type { Supervisor } from "../supervisor-client/client.ts";
import { createLifelines } from "../supervisor-client/lifelines.ts";
import { openSupervisor } from "../supervisor-client/open.ts";
import { prepareCgroupParent } from "../sys/cgroup.ts";
import type { Volumes } from "../volumes/volumes.ts";
import { createClose, letGo } from "./close.ts";
import { completeEngineConfig, type EngineConfig } from "./config.ts";
import { startImageGarbage } from "./image-garbage.ts";
import { lockRoot } from "./lock.ts";
import { nextSupervisor } from "./next-supervisor.ts";
import { checkWritable } from "./read-only.ts";
import { reloadConfig } from "./reload.ts";
import { closeStores, giveUp, openStores } from "./stores.ts";
import { takeSteps } from "./take-steps.ts";
import { openRemap } from "./userns-remap.ts";

/** A container engine in this process: what the daemon serves, and what a program can embed. */
export interface OpenEngine {
  config: EngineConfig & { id: string };
  containers: Containers;
  images: Images;
  networks: Networks;
  volumes: Volumes;
  builder: Builder;
  /** BuildKit's API. */
  buildDoor: BuildDoor;
  events: Events;
  logger: Logger;
  metrics: EngineMetrics;
  /**
   * Takes over what is new in a configuration without a restart, and logs it.
   * @param others keys besides the engine's that have changed @throws EngineError invalid; then nothing has changed
   */
  reload(given: Partial<EngineConfig>, others?: readonly string[]): void;
  /**
   * Ends the engine in this process. Containers run on, in the supervisor's care, and the next engine on the same roots
   * finds them again; with `stopContainers` they are stopped first and the supervisor, bridges and rules go as well.
   * Called again, it waits for the end that is under way, which stays as it was asked for first.
   * @throws what the first step that failed has thrown; all others are taken, and the data root is free
   */
  close(options?: { stopContainers?: boolean }): Promise<void>;
  /** Warnings for `info`, in addition to those that the engine finds itself. */
  warnings: string[];
  /** What the process it runs in does when a client asks for the engine's end. Without it, the client is refused. */
  onStopRequest?: (options: { stopContainers: boolean }) => void;
}

/**
 * Opens the engine on its data root and run-time folder, makes the network, finds what runs.
 * @throws EngineError conflict when another engine uses the same data root
 */
export async function openEngine(given: Partial<EngineConfig> = {}): Promise<OpenEngine> {
  const places = await takePlaces(completeEngineConfig(given));
  const opened: (() => unknown)[] = [places.unlock, () => places.config.remap?.close()];
  try {
    return await bringUp(places, opened);
  } catch (error) {
    // What the caller is to know is why it did not open.
    await takeSteps(opened.reverse()).catch(() => {});
    throw error;
  }
}

/** @param opened gets what closes each thing that is open from then on, should a later one fail */
async function bringUp(
  { config, unlock, logger }: Awaited<ReturnType<typeof takePlaces>>,
  opened: (() => unknown)[],
): Promise<OpenEngine> {
  const { root, execRoot, remap } = config;
  const state = openState(join(root, "berth.db"), logger);
  opened.push(() => state.close());
  config.id = engineId(state.records(engineKind));
  const events = createEvents((error) => logger.error({ error }, "an event was not dealt with"));
  const metrics = createMetrics();
  events.subscribe(() => metrics.events.published++);
  const lifelines = createLifelines(execRoot);
  const connect = () => openSupervisor(execRoot, join(root, "spool"), lifelines, unitOf(config, logger));
  // It starts while this process reads its records, and before there is much memory that a fork would have to copy.
  const connecting = connect();
  connecting.catch(() => {});
  opened.push(() => giveUp(connecting));
  const basics = { state, events, logger };
  const stores = await openStores(config, basics, metrics, () => containers.supervisor);
  opened.push(() => closeStores(stores));
  const { images, networks, volumes } = stores;
  const containers: Containers = openContainers({
    ...{ settings: config, ...basics, ...stores, metrics },
    cdi: createCdiRegistry(config.cdiSpecDirs),
    supervisor: await connecting,
  });
  const { builder, buildDoor } = openBuilding(containers, config);
  opened.push(async () => {
    containers.closing = true;
    await Promise.all([builder.close(), containers.archives.close(), letGo(containers)]);
  });
  listenToSupervisor(containers, builder, connect);
  makeUsualInitLayer(root);
  const watches = [watchLogs(containers)];
  opened.push(() => endAll(watches));
  await restoreContainers(containers, builder.processes);
  await builder.restore();
  watches.push(watchHealth(containers), watchOom(containers));
  await resumeContainers(containers);
  const imageGarbage = startImageGarbage(containers, config.imageGarbage);
  return {
    ...{ config, containers, images, networks, volumes, builder, buildDoor, events, logger, metrics },
    warnings: [],
    reload: (changed, others = []) =>
      reloadConfig(config, changed, others, {
        registries: images.registries,
        imageGarbage,
        builder,
        events,
        logger,
      }),
    close: createClose(containers, {
      first: [() => imageGarbage.close(), () => endAll(watches), () => builder.close()],
      last: [() => remap?.close(), () => state.close(), unlock],
    }),
  };
}

/** Deals with what the supervisor reports, and with its end: another takes its place. */
function listenToSupervisor(
  containers: Containers,
  builder: Builder,
  connect: () => Promise<Supervisor>,
): void {
  const { logger } = containers;

  function listen(supervisor: Supervisor): void {
    // The last of the output has come before the exit, on connections of its own: it is passed on first.
    supervisor.onExit((exit) => {
      setImmediate(() => builder.onExit(exit) || handleExit(containers, exit));
    });
    supervisor.onLost(() => {
      builder.onSupervisorLost();
      if (containers.closing) return;
      logger.error("the supervisor was lost; starting another, containers run on");
      reconnect().catch((error: unknown) => logger.fatal({ error }, "what runs could not be taken over"));
    });
  }

  async function reconnect(): Promise<void> {
    const supervisor = await nextSupervisor(connect, containers, logger);
    if (!supervisor) return;
    listen(supervisor);
    await restoreAfterLoss(containers, builder.processes);
  }

  listen(containers.supervisor);
}

const endAll = (watches: readonly (() => void)[]) => {
  for (const end of watches) end();
};

const unitOf = ({ supervisorUnit: name }: EngineConfig, logger: Logger) =>
  name === "" ? undefined : { name, warn: (text: string) => logger.warn(text) };

function openBuilding(
  containers: Containers,
  config: EngineConfig,
): Pick<OpenEngine, "builder" | "buildDoor"> {
  const { settings, images, networks, events, state, logger, metrics, launcher, cdi } = containers;
  const { root, execRoot, cgroupDriver, cgroupParent, remap } = settings;
  const builder = openBuilder({
    ...{ images, networks, events, state, logger, metrics, launcher, cdi, remap },
    ...{ root, execRoot, cgroupDriver, cgroupParent },
    dns: () => config.dns,
    supervisor: () => containers.supervisor,
    settings: () => config.builder,
    runtime: () => runtimeNamed(config, config.defaultRuntime),
  });
  const hostGateway = () => networks.hostGateways()[0];
  return {
    builder,
    buildDoor: openBuildDoor({ builder, images, version, hostGateway, logger }, join(root, "build/history")),
  };
}

/** What an engine has before it has anything else: its roots, its cgroup, and the user namespace of its containers. */
async function takePlaces(given: EngineConfig) {
  const unlock = takeRoot(given.root);
  try {
    prepareCgroups(given);
    const logger = createLogger(given.logLevel);
    return { config: { ...given, id: "", remap: await openRemap(given, logger) }, unlock, logger };
  } catch (error) {
    unlock();
    throw error;
  }
}

/** Makes the data root, and makes it this engine's. @returns what gives it back */
function takeRoot(root: string): () => void {
  checkWritable(root);
  mkdirSync(root, { recursive: true, mode: 0o710 });
  // In volumes and layers are setuid programs of root, which no user of the machine is to reach.
  chmodSync(root, statSync(root).mode & 0o7770);
  return lockRoot(root);
}

/** @throws EngineError invalid where no systemd runs that could make them */
function prepareCgroups({ cgroupDriver, cgroupParent }: EngineConfig): void {
  if (cgroupDriver === "cgroupfs") prepareCgroupParent(cgroupParent);
  else if (!existsSync("/run/systemd/system"))
    throw invalid("native.cgroupdriver=systemd needs a machine that systemd runs: use cgroupfs on this one");
}

const engineKind = kindOf("engine", struct("Engine", { id: required(text) }));

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
