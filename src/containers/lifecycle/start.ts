import { conflict, EngineError, explainLongPath, messageOf, unavailable } from "../../errors.ts";
import { timestamp } from "../../formats/timestamp.ts";
import type { LaunchInput } from "../../launch/input.ts";
import type { UserNamespaceChoice } from "../../launch/namespaces.ts";
import { hasNdots } from "../../launch/resolv-conf.ts";
import { startFailure } from "../../launch/start-failure.ts";
import type { Sandbox, SandboxRequest } from "../../networks/networks.ts";
import type { DeviceEdits } from "../../runtime/cdi/inject.ts";
import { resolveDeviceRequests } from "../../runtime/device-requests.ts";
import { checkResources } from "../../runtime/resources.ts";
import { clearCgroup, prepareCgroupParent } from "../../sys/cgroup.ts";
import { expectCgroupMove } from "../../sys/cgroup-move.ts";
import { bootId } from "../../sys/process.ts";
import { createTrace } from "../../trace.ts";
import type { ResolvedMount } from "../../volumes/volumes.ts";
import type { Container } from "../container.ts";
import { type Containers, publish, save } from "../containers.ts";
import { dnsOf } from "../dns.ts";
import { prepareEtcFiles } from "../etc-files.ts";
import { describeLaunch, type LaunchParts } from "../launch-input.ts";
import { followLinks, linkedPorts, linkLines } from "../links.ts";
import { type MountSources, openMountSources } from "../mount-sources.ts";
import { resolveNamespaces } from "../namespaces.ts";
import { prepareMounts } from "../prepare-mounts.ts";
import { upperOf } from "../rootfs.ts";
import { cgroupOf, deleteFromRuntime, nextCgroup, noteCgroup } from "../runtime-files.ts";
import { findProcess, hasOwnSandbox, refusesIpv6 } from "../sandbox.ts";
import {
  checkUserNamespace,
  chooseUserNamespace,
  findJoinedUserNamespace,
  mappingFor,
} from "../user-namespace.ts";
import { publishVolumes } from "../volume-events.ts";
import { discardContainer } from "./discard.ts";
import { openWitness } from "./witness.ts";

/**
 * Starts a container that does not run.
 * @returns false when it was running already, or waits for its restart
 * @throws EngineError conflict, invalid, internal with Docker's words for a command that cannot be run
 */
export function startContainer(containers: Containers, container: Container): Promise<boolean> {
  return container.enqueue(() => {
    // Its restart policy starts it, in its own time.
    const isDue = container.phase === "restarting" && !container.isLeaving;
    return isDue ? false : startNow(containers, container);
  });
}

/** As `startContainer`, for callers within the container's queue. */
export async function startNow(containers: Containers, container: Container): Promise<boolean> {
  const { record } = container;
  if (container.isMarkedForRemoval) throw conflict("container is marked for removal and cannot be started");
  if (record.state.Paused) throw conflict("cannot start a paused container, try unpause instead");
  if (!container.can("start")) return false;
  // It has waited for its turn while the engine began to end.
  if (containers.closing) throw unavailable("the engine is shutting down");
  // An update may have left limits that contradict each other.
  checkResources(record.hostConfig);
  clearTimeout(container.restartTimer);
  container.restartDelayMilliseconds = undefined;
  record.restartCount = 0;
  record.stoppedByUser = false;
  await begin(containers, container);
  return true;
}

/**
 * Starts it whatever its record says. Call it within the container's queue.
 * @param isAutomatic no user has asked for it: one that is cut off with its supervisor leaves the container "restarting"
 */
export function begin(containers: Containers, container: Container, isAutomatic = false): Promise<void> {
  return containers.metrics.containerActions.time("start", async () => {
    const turn = containers.archives.takeTurn(upperOf(containers, container.record.id));
    await beginRun(containers, container, turn.begun, isAutomatic).finally(turn.end);
  });
}

/** @param unwritten no client writes to its files any more, as it could while it did not run */
async function beginRun(
  containers: Containers,
  container: Container,
  unwritten: (signal: AbortSignal) => Promise<void>,
  isAutomatic: boolean,
): Promise<void> {
  const [{ record }, { supervisor }] = [container, containers];
  const trace = createTrace();
  const starting = new AbortController();
  container.starting = starting;
  expectCgroupMove();
  let sandbox: Sandbox | undefined;
  let sources: MountSources | undefined;
  let startedAt: string;
  let usesVolumes = false;
  try {
    await unwritten(starting.signal);
    publishVolumes(containers, container, "mount");
    usesVolumes = true;
    // The daemon may have had no user namespaces when it was made.
    checkUserNamespace(containers, record.hostConfig);
    const joined = findJoinedUserNamespace(containers, record.hostConfig);
    sandbox = await openSandbox(containers, container, joined);
    trace.mark("network");
    // First, for its errors. What it finds may be gone after a while, so it is asked again at the end.
    resolveNamespaces(containers, record.hostConfig, sandbox?.netnsPath);
    const userNamespace = chooseUserNamespace(containers, record.hostConfig, joined, sandbox);
    const known = await prepareMounts(containers, container, userNamespace, starting.signal);
    sources = await openMountSources(containers, container, userNamespace, starting.signal);
    const { mounts } = sources;
    const devices = await resolveDeviceRequests(containers.cdi, record.hostConfig.DeviceRequests ?? []);
    const input = prepare(containers, container, { sandbox, userNamespace, mounts, known, devices });
    // Before its first output: clients ask for the log since then.
    startedAt = timestamp();
    const started = await containers.launcher.launch(input, { trace, signal: starting.signal });
    container.oom = { kills: 0, isStuck: false };
    record.state.Pid = started.pid;
    record.startTicks = started.startTicks;
    record.bootId = bootId();
    noteCgroup(containers, container);
    container.witness = openWitness(started.pid, started.startTicks);
  } catch (thrown) {
    const error = explainLongPath(thrown);
    const isToRetry = isAutomatic && supervisor.isLost;
    await recordFailure(containers, container, error, { usesVolumes, isToRetry });
    throw error instanceof EngineError ? error : startFailure(messageOf(error), record.args).error;
  } finally {
    container.starting = undefined;
    sources?.close();
    sandbox?.release(findProcess(containers, record.id));
  }
  Object.assign(record.state, { StartedAt: startedAt, ExitCode: 0, Error: "", OOMKilled: false });
  container.enter("started");
  save(containers, container);
  await tellLinked(containers, container);
  trace.mark("save");
  publish(containers, container, "start");
  const milliseconds = trace.end();
  if (milliseconds) containers.logger.info({ trace: "start", container: record.id, milliseconds });
}

async function tellLinked(containers: Containers, container: Container): Promise<void> {
  await followLinks(containers, container).catch((error: unknown) => {
    const { id } = container.record;
    containers.logger.warn({ error, container: id }, "an /etc/hosts could not be brought up to date");
  });
}

async function recordFailure(
  containers: Containers,
  container: Container,
  error: unknown,
  { usesVolumes, isToRetry }: { usesVolumes: boolean; isToRetry: boolean },
): Promise<void> {
  const { record } = container;
  const failure = startFailure(messageOf(error), record.args);
  const exitCode = failure.exitCode;
  container.dropWitness();
  await containers.networks.close(record.id);
  if (usesVolumes) publishVolumes(containers, container, "unmount");
  await containers.volumes.release(record.mounts, record.id);
  await deleteFromRuntime(containers, container).catch((deletion: unknown) => {
    containers.logger.warn(
      { error: deletion, container: record.id },
      "not all of a failed start was cleared away",
    );
  });
  // crun leaves it behind when the kernel refuses a limit, and when it is killed, with what it has begun.
  await clearCgroup(cgroupOf(containers, container));
  const { message } = error instanceof EngineError ? error : failure.error;
  Object.assign(record.state, { ExitCode: exitCode, Error: message, Pid: 0 });
  container.enter(isToRetry ? "startCutOff" : "startFailed");
  save(containers, container);
  if (isToRetry) return clearCutOff(containers, container);
  container.notifyStartFailure({ exitCode, error: message });
  await containers.supervisor.call("forget", { process: record.id });
  if (record.hostConfig.AutoRemove) await discardContainer(containers, container, { removeVolumes: true });
}

/** The next supervisor answers once the runtimes of the lost one are through: what they have made is in the way of the next start. */
async function clearCutOff(containers: Containers, container: Container): Promise<void> {
  await containers.supervisor.call("forget", { process: container.record.id });
  await deleteFromRuntime(containers, container);
}

async function openSandbox(
  containers: Containers,
  container: Container,
  joined: UserNamespaceChoice | undefined,
): Promise<Sandbox | undefined> {
  const { id, name, config, hostConfig, endpointsConfig } = container.record;
  if (!hasOwnSandbox(container.record)) return undefined;
  const dns = dnsOf(containers, container.record);
  const request: SandboxRequest = {
    owner: { kind: "container", id },
    ownerName: name,
    ...(config.NetworkDisabled
      ? { mode: "none", endpoints: {} }
      : { mode: hostConfig.NetworkMode, endpoints: endpointsConfig }),
    portBindings: hostConfig.PortBindings ?? {},
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    publishAll: hostConfig.PublishAllPorts,
    refusesIpv6: refusesIpv6(container.record),
    hostname: config.Hostname,
    links: linkedPorts(containers, container.record),
    nameServers: dns.servers,
    hasNdots: hasNdots(dns.options),
    mapping: mappingFor(containers, hostConfig),
    userns: joined?.path,
    ...(config.MacAddress && { macAddress: config.MacAddress }),
  };
  const sandbox = await containers.networks.open(request).catch((error: unknown) => {
    const kind = error instanceof EngineError ? error.kind : "internal";
    throw new EngineError(kind, `failed to set up container networking: ${messageOf(error)}`, error);
  });
  for (const [name, settings] of Object.entries(endpointsConfig))
    settings.NetworkID ||= containers.networks.findNetwork(name)?.id ?? "";
  return sandbox;
}

interface Prepared {
  sandbox: Sandbox | undefined;
  userNamespace: UserNamespaceChoice | undefined;
  mounts: ResolvedMount[];
  known: LaunchParts["known"];
  devices: DeviceEdits;
}

/** Prepares the files that the launch expects, and describes the process to launch. */
function prepare(
  containers: Containers,
  container: Container,
  { sandbox, userNamespace, mounts, known, devices }: Prepared,
): LaunchInput {
  const { record } = container;
  const { CgroupParent } = record.hostConfig;
  const place = nextCgroup(containers.settings, record);
  record.cgroup = place.path;
  if (CgroupParent && place.driver === "cgroupfs") prepareCgroupParent(CgroupParent);
  const etcFiles = prepareEtcFiles(containers, container, sandbox, linkLines(containers, container));
  const network = sandbox?.netnsPath;
  return describeLaunch(containers, container, { network, userNamespace, etcFiles, mounts, known, devices });
}
