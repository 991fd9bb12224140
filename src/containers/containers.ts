import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { conflict, invalid, notFound } from "../errors.ts";
import type { Events } from "../events/events.ts";
import { generateName, namePattern } from "../formats/container-name.ts";
import type { Ulimit } from "../formats/docker-api/docker-api.ts";
import type { Images } from "../images/images.ts";
import { createLauncher, type Launcher } from "../launch/launch.ts";
import type { UserNamespaceChoice } from "../launch/namespaces.ts";
import type { DnsSettings } from "../launch/resolv-conf.ts";
import type { Logger } from "../logger.ts";
import type { EngineMetrics } from "../metrics/metrics.ts";
import type { Networks } from "../networks/networks.ts";
import type { CdiRegistry } from "../runtime/cdi/registry.ts";
import type { CgroupDriver } from "../runtime/cgroup-place.ts";
import type { SecurityDefaults } from "../runtime/security.ts";
import type { Records, State } from "../state/state.ts";
import type { Supervisor } from "../supervisor-client/client.ts";
import type { Volumes } from "../volumes/volumes.ts";
import { type Archives, createArchives } from "./archive/archive.ts";
import { Container, type ContainerRecord } from "./container.ts";
import {
  addToIndexes,
  type ContainerIndexes,
  createContainerIndexes,
  deleteFromIndexes,
} from "./container-index.ts";
import { containerKind } from "./record.ts";
import { createStatsSampler, type StatsSampler } from "./stats/sampler.ts";

/** What containers have that say nothing of it. */
export interface ContainerDefaults extends SecurityDefaults {
  log: { Type: string; Config: Record<string, string> };
  ulimits: readonly Ulimit[];
  init: boolean;
  shmSizeBytes?: number;
  ipcMode?: "private" | "shareable";
  cgroupnsMode?: "host" | "private";
}

export interface ContainerSettings {
  /** Data root. */
  root: string;
  execRoot: string;
  defaultRuntime: string;
  /** Program by name. */
  runtimes: Record<string, string>;
  /** Words that a runtime is given before all others, by name. */
  runtimeArgs: Record<string, readonly string[]>;
  cgroupDriver: CgroupDriver;
  /** For containers that ask for none: a path, or a slice of systemd's. */
  cgroupParent: string;
  /** For containers that have no such settings of their own. */
  dns: DnsSettings;
  containerDefaults: ContainerDefaults;
  /** A user namespace that maps as those of containers do; undefined where they run in the machine's own. */
  remap?: UserNamespaceChoice | undefined;
}

/** The room of the containers: what its operations (create, start, stop, …: one file each) work on. */
export interface Containers extends ContainerIndexes {
  settings: ContainerSettings;
  events: Events;
  images: Images;
  networks: Networks;
  volumes: Volumes;
  /** Devices that vendors describe. */
  cdi: CdiRegistry;
  archives: Archives;
  supervisor: Supervisor;
  logger: Logger;
  metrics: EngineMetrics;
  state: State;
  byId: Map<string, Container>;
  byName: Map<string, Container>;
  /** Names of those that are being made, with their ids. */
  reservedNames: Map<string, string>;
  stats: StatsSampler;
  records: Records<ContainerRecord>;
  execs: Map<string, Exec>;
  /** Those that are removed, and of which the runtime still has something. */
  leaving: Map<string, Promise<void>>;
  /** Of logs that go elsewhere and are not all sent yet, by container: settled when that is so. */
  unsent: Map<string, Promise<void>>;
  launcher: Launcher;
  /** Set while the engine shuts down: nothing is restarted then. */
  closing: boolean;
  /** Until then what is to be restarted is started with the engine, and not by a timer. */
  isResumed: boolean;
}

/** A process started in a running container beside its own. */
export interface Exec {
  id: string;
  container: Container;
  request: {
    stdin: boolean;
    stdout: boolean;
    stderr: boolean;
    tty: boolean;
    privileged: boolean;
    user: string;
    args: string[];
    env: string[];
    workingDir: string;
    detachKeys: string;
    consoleSize?: [number, number];
  };
  running: boolean;
  started: boolean;
  pid: number;
  startTicks: number;
  exitCode: number | null;
  /** For so long it is known after its end. */
  keptMilliseconds: number;
  /** Settled when its start has been answered, well or not. */
  begun: PromiseWithResolvers<void>;
  /** Settled when its end has been taken note of, or it could not be started. */
  ended: PromiseWithResolvers<void>;
}

/** Loads the records of all containers. */
export function openContainers(
  options: Omit<
    Containers,
    | "archives"
    | "byId"
    | "byName"
    | "reservedNames"
    | keyof ContainerIndexes
    | "stats"
    | "records"
    | "execs"
    | "leaving"
    | "unsent"
    | "launcher"
    | "closing"
    | "isResumed"
  >,
): Containers {
  const records = options.state.records(containerKind);
  const containers: Containers = {
    ...options,
    records,
    byId: new Map(),
    byName: new Map(),
    reservedNames: new Map(),
    ...createContainerIndexes(),
    stats: createStatsSampler({
      cgroupOf: (container) => container.record.cgroup ?? "",
    }),
    execs: new Map(),
    leaving: new Map(),
    unsent: new Map(),
    archives: createArchives(),
    launcher: createLauncher(options.settings.execRoot, () => containers.supervisor),
    closing: false,
    isResumed: false,
  };
  // In the order in which those that are made later follow.
  const inOrder = [...records.load().values()].sort((a, b) => (a.created < b.created ? -1 : 1));
  for (const record of inOrder) register(containers, new Container(record));
  return containers;
}

export function register(containers: Containers, container: Container): void {
  containers.byId.set(container.record.id, container);
  containers.byName.set(container.record.name, container);
  addToIndexes(containers, container);
}

export function unregister(containers: Containers, container: Container): void {
  container.isGone = true;
  containers.byId.delete(container.record.id);
  const { name } = container.record;
  if (containers.byName.get(name) === container) containers.byName.delete(name);
  deleteFromIndexes(containers, container);
}

/** Stores what has happened to a container. */
export function save(containers: Containers, container: Container): void {
  containers.records.putSoon(container.record.id, container.record);
}

/** Where a container's own files are: log, hosts, the overlay's upper and work directories. */
export function folderOf(containers: Containers, id: string): string {
  return join(containers.settings.root, "containers", id);
}

/** By full id, name (with or without a leading slash) or unambiguous beginning of an id. */
export function findContainer(containers: Containers, reference: string): Container | undefined {
  const exact = containers.byId.get(reference) ?? containers.byName.get(reference.replace(/^\//, ""));
  if (exact || reference === "") return exact;
  if (!/^[0-9a-f]+$/.test(reference)) return undefined;
  let found: Container | undefined;
  for (const [id, container] of containers.byId) {
    if (!id.startsWith(reference)) continue;
    if (found) throw invalid(`multiple IDs found with provided prefix: ${reference}`);
    found = container;
  }
  return found;
}

/** @throws EngineError notFound, or invalid for an ambiguous beginning of an id */
export function getContainer(containers: Containers, reference: string): Container {
  const container = findContainer(containers, reference);
  if (!container) throw notFound(`No such container: ${reference}`);
  return container;
}

export function newId(): string {
  for (;;) {
    const id = randomBytes(32).toString("hex");
    // A short id of digits alone would be read as a number by scripts and as a port by YAML.
    if (/[a-f]/.test(id.slice(0, 12))) return id;
  }
}

/** The name asked for, or a free one. @throws EngineError invalid, conflict */
export function claimName(containers: Containers, wanted: string | undefined, id: string): string {
  if (!wanted) {
    for (let attempt = 0; attempt < 6; attempt++) {
      const name = generateName(attempt);
      if (findOwner(containers, name) === undefined) return name;
    }
    return id.slice(0, 12);
  }
  const name = wanted.replace(/^\//, "");
  if (!namePattern.test(name)) {
    throw invalid(
      `Invalid container name (${wanted}), only ${namePattern.source.slice(1, -1)} are allowed`.replace(
        "[a-zA-Z0-9][a-zA-Z0-9_.-]+",
        "[a-zA-Z0-9][a-zA-Z0-9_.-]",
      ),
    );
  }
  const owner = findOwner(containers, name);
  if (owner !== undefined) {
    throw conflict(
      `Conflict. The container name "/${name}" is already in use by container "${owner}". ` +
        "You have to remove (or rename) that container to be able to reuse that name.",
    );
  }
  return name;
}

/** The id of who has a name, or is about to. */
function findOwner({ byName, reservedNames }: Containers, name: string): string | undefined {
  return byName.get(name)?.record.id ?? reservedNames.get(name);
}

/** Publishes an event of a container, with its labels, image and name, as Docker does. */
export function publish(
  containers: Containers,
  container: Container,
  action: string,
  attributes: Record<string, string> = {},
): void {
  const { id, name, config } = container.record;
  containers.events.publish("container", action, id, {
    ...config.Labels,
    image: config.Image,
    name,
    ...attributes,
  });
}
