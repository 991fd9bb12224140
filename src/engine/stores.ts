import type { Events } from "../events/events.ts";
import { rootOutside } from "../formats/id-mapping.ts";
import { createImages, type Images } from "../images/images.ts";
import type { Logger } from "../logger.ts";
import type { EngineMetrics } from "../metrics/metrics.ts";
import { createNetworks, type Networks, type RelayProcess, type Resolver } from "../networks/networks.ts";
import type { State } from "../state/state.ts";
import type { Supervisor } from "../supervisor-client/client.ts";
import { createVolumes, type Volumes } from "../volumes/volumes.ts";
import type { EngineConfig } from "./config.ts";
import type { HeldUserNamespace } from "./userns-remap.ts";

interface Basics {
  state: State;
  events: Events;
  logger: Logger;
}

interface Stores {
  images: Images;
  networks: Networks;
  volumes: Volumes;
}

/** What containers are made of. @param supervisor the present one */
export async function openStores(
  config: EngineConfig & { id: string; remap: HeldUserNamespace | undefined },
  basics: Basics,
  metrics: EngineMetrics,
  supervisor: () => Supervisor,
): Promise<Stores> {
  const { root, remap } = config;
  const images = await createImages({ root, ...basics, registries: config.registries });
  const volumes = createVolumes({ root, ...basics, bindOwner: remap && rootOutside(remap.mapping) });
  const connecting = createNetworks({
    ...basics,
    bridgeName: config.bridgeName,
    tableName: config.tableName,
    engineId: config.id,
    settings: config.networks,
    hasDefaultBridgeNames: config.hasDefaultBridgeNames,
    resolver: resolverOf(supervisor),
    relay: relayOf(supervisor),
    mapping: remap?.mapping,
  });
  const networks = await connecting.catch(async (error: unknown) => {
    await Promise.all([images.close(), volumes.close()]);
    throw error;
  });
  return { images, volumes, networks: timedNetworks(metrics, networks) };
}

export async function closeStores({ images, volumes, networks }: Stores): Promise<void> {
  await Promise.all([networks.stop(), images.close(), volumes.close()]);
}

/** An engine that does not come up leaves no supervisor behind, unless that has processes. */
export async function giveUp(connecting: Promise<Supervisor>): Promise<void> {
  const supervisor = await connecting.catch(() => undefined);
  await supervisor?.call("shutdown", {}).catch(() => {});
  supervisor?.close();
}

/** The same, with what it does for containers counted. */
function timedNetworks({ networkActions }: EngineMetrics, networks: Networks): Networks {
  return {
    ...networks,
    open: (request) => networkActions.time("allocate", () => networks.open(request)),
    close: (owner) => networkActions.time("release", () => networks.close(owner)),
    connect: (...given) => networkActions.time("connect", () => networks.connect(...given)),
  };
}

/** @param supervisor the present one */
function resolverOf(supervisor: () => Supervisor): Resolver {
  return {
    isAble: () => supervisor().supports("putNames"),
    tell: (method, parameters) => supervisor().call(method, parameters),
  };
}

/** @param supervisor the present one */
function relayOf(supervisor: () => Supervisor): RelayProcess {
  return {
    isAble: () => supervisor().supports("putRelays"),
    tell: (method, parameters) => supervisor().call(method, parameters),
  };
}
