import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { hostname as hostHostname, release } from "node:os";
import { join } from "node:path";
import { conflict, EngineError, invalid, messageOf } from "../errors.ts";
import { timestamp } from "../formats/timestamp.ts";
import type { Sandbox } from "../networks/networks.ts";
import { ensureAppArmorProfile, resolveAppArmorProfile } from "../runtime/apparmor.ts";
import type { OciMount, OciSpec } from "../runtime/oci-spec.ts";
import { defaultSeccompProfile, parseSeccompProfile } from "../runtime/seccomp.ts";
import { parseSecurityOptions } from "../runtime/security-options.ts";
import { buildSpec, type SpecInput } from "../runtime/spec.ts";
import type { StartOptions } from "../supervisor/protocol.ts";
import { clearCgroup, hasOnlyBfqWeight, prepareCgroupParent, setBfqWeight } from "../sys/cgroup.ts";
import { expectCgroupMove } from "../sys/cgroup-move.ts";
import { bootId } from "../sys/process.ts";
import { createTrace } from "../trace.ts";
import { type Container, enterStatus } from "./container.ts";
import { type Containers, folderOf, publish, save } from "./containers.ts";
import { discardContainer } from "./discard.ts";
import { writeEtcFiles } from "./etc-files.ts";
import { logOptions } from "./log-options.ts";
import { encodeMounts, prepareMounts } from "./mounts.ts";
import { cgroupMount, resolveNamespaces, sharesHostname, shmMount, shmToBorrow } from "./namespaces.ts";
import { lowerLayers, upperOf, workOf } from "./rootfs.ts";
import { bundleOf, cgroupOf, deleteFromRuntime, runtimeOf } from "./runtime-files.ts";
import { startFailure } from "./start-failure.ts";
import { resolveUser } from "./user.ts";

/**
 * Starts a container that does not run.
 * @returns false when it was running already
 * @throws EngineError conflict, invalid, internal with Docker's words for a command that cannot be run
 */
export function startContainer(containers: Containers, container: Container): Promise<boolean> {
  return container.enqueue(async () => {
    const { state } = container.record;
    if (container.removing || state.Dead)
      throw conflict("container is marked for removal and cannot be started");
    if (state.Paused) throw conflict("cannot start a paused container, try unpause instead");
    if (state.Running && !state.Restarting) return false;
    clearTimeout(container.restartTimer);
    container.restartDelayMilliseconds = undefined;
    container.record.restartCount = 0;
    container.record.stoppedByUser = false;
    await begin(containers, container);
    return true;
  });
}

/** Starts it whatever its record says. To be called from within the container's queue. */
export async function begin(containers: Containers, container: Container): Promise<void> {
  const { record } = container;
  const trace = createTrace();
  const starting = new AbortController();
  container.starting = starting;
  expectCgroupMove();
  let sandbox: Sandbox | undefined;
  try {
    sandbox = await openSandbox(containers, container);
    trace.mark("network");
    const { spec, options } = await prepare(containers, container, sandbox);
    trace.mark("prepare");
    starting.signal.throwIfAborted();
    const started = await containers.supervisor.call("start", options);
    void containers.seccompFilters.learn(spec, options.runtime.root, record.id);
    trace.mark("supervisor");
    trace.add(started.phases);
    record.state.Pid = started.pid;
    record.startTicks = started.startTicks;
    record.bootId = bootId();
    const weight = record.hostConfig.BlkioWeight;
    if (weight > 0 && hasOnlyBfqWeight()) setBfqWeight(cgroupOf(containers, container), weight);
  } catch (error) {
    await recordFailure(containers, container, error);
    throw error instanceof EngineError ? error : startFailure(messageOf(error), record.args).error;
  } finally {
    container.starting = undefined;
    sandbox?.release();
  }
  record.endpoints = sandbox?.endpoints ?? {};
  record.ports = sandbox?.ports ?? {};
  Object.assign(record.state, { StartedAt: timestamp(), ExitCode: 0, Error: "", OOMKilled: false });
  enterStatus(record.state, "running");
  save(containers, container);
  trace.mark("save");
  publish(containers, container, "start");
  const milliseconds = trace.end();
  if (milliseconds) containers.logger.info({ trace: "start", container: record.id, milliseconds });
}

async function recordFailure(containers: Containers, container: Container, error: unknown): Promise<void> {
  const { record } = container;
  const failure = startFailure(messageOf(error), record.args);
  const exitCode = failure.exitCode;
  await containers.networks.close(record.id);
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
  enterStatus(record.state, record.state.Status === "created" ? "created" : "exited");
  save(containers, container);
  container.notifyStartFailure({ exitCode, error: message });
  await containers.supervisor.call("forget", { process: record.id });
  if (record.hostConfig.AutoRemove) await discardContainer(containers, container, { removeVolumes: true });
}

async function openSandbox(containers: Containers, container: Container): Promise<Sandbox | undefined> {
  const { id, name, config, hostConfig, endpointsConfig } = container.record;
  const mode = hostConfig.NetworkMode;
  if (mode === "host" || mode.startsWith("container:")) return undefined;
  return containers.networks.open({
    containerId: id,
    containerName: name,
    hostname: config.Hostname,
    mode: config.NetworkDisabled ? "none" : mode,
    endpoints: endpointsConfig,
    portBindings: hostConfig.PortBindings ?? {},
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    publishAll: hostConfig.PublishAllPorts,
    ...(config.MacAddress && { macAddress: config.MacAddress }),
  });
}

async function prepare(
  containers: Containers,
  container: Container,
  sandbox: Sandbox | undefined,
): Promise<{ spec: OciSpec; options: StartOptions }> {
  const { record } = container;
  const { id, config, hostConfig } = record;
  const runtime = runtimeOf(containers, container);
  if (hostConfig.CgroupParent) prepareCgroupParent(hostConfig.CgroupParent);
  const folder = folderOf(containers, id);
  const lower = lowerLayers(containers, container);
  const upper = upperOf(containers, id);
  await prepareMounts(containers, container, containers.images.getImage(record.imageId));
  const target = join(containers.settings.execRoot, "rootfs");
  const hostname = sharesHostname(hostConfig) ? hostHostname() : config.Hostname;
  const mounts: OciMount[] = [
    ...shmMount(containers, hostConfig),
    ...encodeMounts(record.mounts),
    ...cgroupMount(hostConfig),
    ...writeEtcFiles(containers, container, hostname, sandbox?.endpoints ?? {}),
    ...initMount(hostConfig.Init ?? false),
  ];
  const apparmorProfile = resolveAppArmorProfile(hostConfig);
  await ensureAppArmorProfile(apparmorProfile);
  const spec = buildSpec({
    cgroupsPath: cgroupOf(containers, container),
    config,
    hostConfig,
    hostname,
    rootfs: target,
    args: record.args,
    user: resolveUser([upper, ...lower], config.User, hostConfig.GroupAdd ?? []),
    mounts: withoutShadowedFiles(mounts),
    namespaces: resolveNamespaces(containers, hostConfig, sandbox?.netnsPath),
    security: parseSecurityOptions(hostConfig.SecurityOpt ?? []),
    apparmorProfile,
    seccomp: seccompOf(container),
  });
  containers.seccompFilters.annotate(spec, runtime.root);
  const bundle = bundleOf(containers, id);
  mkdirSync(bundle, { recursive: true, mode: 0o700 });
  writeFileSync(join(bundle, "config.json"), JSON.stringify(spec), { mode: 0o600 });
  const log = logOptions(folder, container);
  const shm = shmToBorrow(containers, hostConfig);
  const [rows, columns] = hostConfig.ConsoleSize;
  const options: StartOptions = {
    process: id,
    runtime,
    terminal: config.Tty,
    openStdin: config.OpenStdin,
    consoleSize: [rows, columns],
    bundle,
    rootfs: {
      overlay: { lower, upper, work: workOf(containers, id) },
      target,
      ...(config.WorkingDir && { ensureDirectory: config.WorkingDir }),
    },
    ...(log && { log }),
    ...(shm && { shm }),
  };
  return { spec, options };
}

/** A mount of the user's over /etc/hosts and the like wins over ours. */
function withoutShadowedFiles(mounts: OciMount[]): OciMount[] {
  const firstOf = new Map<string, OciMount>();
  for (const mount of mounts) if (!firstOf.has(mount.destination)) firstOf.set(mount.destination, mount);
  return [...firstOf.values()];
}

const initProgram = "/usr/bin/tini-static";

function initMount(wanted: boolean): OciMount[] {
  if (!wanted) return [];
  if (!existsSync(initProgram)) {
    throw invalid(`--init needs ${initProgram}: install the package tini`);
  }
  const options = ["bind", "ro"];
  return [{ destination: "/sbin/docker-init", type: "bind", source: initProgram, options }];
}

function seccompOf(container: Container): SpecInput["seccomp"] {
  const { hostConfig } = container.record;
  const { seccomp } = parseSecurityOptions(hostConfig.SecurityOpt ?? []);
  if (seccomp === "unconfined" || (hostConfig.Privileged && seccomp === "default")) return undefined;
  if (seccomp === "default")
    return (capabilities) => defaultSeccompProfile(capabilities, release(), process.arch);
  return (capabilities) => parseSeccompProfile(seccomp, capabilities, release(), process.arch);
}
