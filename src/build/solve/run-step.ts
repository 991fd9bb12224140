import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { EngineError, internal, invalid, messageOf, unavailable } from "../../errors.ts";
import { hostConfigShape } from "../../formats/docker-api/docker-api-host-config.ts";
import { quoteGo } from "../../formats/go-template/go-template-printf.ts";
import { rootOutside } from "../../formats/id-mapping.ts";
import { decode } from "../../formats/shape.ts";
import { type EtcFiles, writeEtcFiles } from "../../launch/etc-files.ts";
import type { LaunchInput } from "../../launch/input.ts";
import { hasNdots } from "../../launch/resolv-conf.ts";
import { startFailure } from "../../launch/start-failure.ts";
import type { Sandbox } from "../../networks/networks.ts";
import { type DeviceEdits, injectCdiDevices, noEdits } from "../../runtime/cdi/inject.ts";
import { type CgroupPlace, placeCgroup } from "../../runtime/cgroup-place.ts";
import { securityOf } from "../../runtime/security.ts";
import type { RuntimeCommand } from "../../supervisor-protocol/protocol.ts";
import { clearCgroup, prepareCgroupParent } from "../../sys/cgroup.ts";
import { createTrace } from "../../trace.ts";
import { BuildError } from "../build-error.ts";
import type { StepVisitor } from "../client-session.ts";
import type { RunNode } from "../graph/nodes.ts";
import type { BuildRooms } from "../rooms.ts";
import { attachOutput } from "./attach-output.ts";
import { attachTerminal } from "./attach-terminal.ts";
import type { StepProcesses } from "./processes.ts";
import type { StepMounts } from "./step-mounts.ts";

/** Where a step's command runs. */
export interface StepRoot {
  lower: string[];
  upper: string;
  work: string;
}

export interface RunOptions {
  root: StepRoot;
  mounts: StepMounts;
  onOutput(stream: "stdout" | "stderr", data: Buffer): void;
  /** Whose terminal it runs in; undefined for none. */
  visitor?: StepVisitor;
  signal: AbortSignal;
}

export const newProcessId = () => randomBytes(32).toString("hex");

/**
 * Runs a step's command to its end.
 * @param id what supervisor and runtime know it by
 * @throws BuildError in BuildKit's words when it ends with another code than 0; EngineError when it cannot be started
 */
export async function runStep(
  rooms: BuildRooms,
  processes: StepProcesses,
  node: RunNode,
  id: string,
  { root, mounts, onOutput, visitor, signal }: RunOptions,
): Promise<void> {
  if (node.isInsecure && rooms.remap)
    throw invalid("RUN --security=insecure is incompatible with user namespaces (userns-remap)");
  const folder = stepFolder(rooms, id);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const exit = processes.expect(id, node.network !== "host");
  // It stays this one's, whatever the configuration says by its end.
  const runtime = rooms.runtime();
  let sandbox: Sandbox | undefined;
  try {
    sandbox = node.network === "host" ? undefined : await openSandbox(rooms, node, id);
    const devices = noEdits();
    if (node.devices) injectCdiDevices(devices, await rooms.cdi.list(), node.devices);
    const input = describe(rooms, node, { id, runtime, root, mounts, sandbox, folder, visitor, devices });
    if (node.cgroupParent && rooms.cgroupDriver === "cgroupfs") prepareCgroupParent(node.cgroupParent);
    const output = await (visitor ? attachTerminal(rooms, id, visitor) : attachOutput(rooms, id, onOutput));
    try {
      const started = await rooms.launcher
        .launch(input, { trace: createTrace(), signal })
        .catch((error: unknown) => {
          throw explain(error, node);
        });
      sandbox?.release({ pid: started.pid, startTicks: started.startTicks });
      mounts.release();
      const kill = () => killProcess(rooms, id, started.pid);
      signal.addEventListener("abort", kill, { once: true });
      if (signal.aborted) kill();
      output.ended.catch(kill);
      const { exitCode } = await exit;
      signal.removeEventListener("abort", kill);
      if (exitCode === undefined) kill();
      await output.ended;
      signal.throwIfAborted();
      if (exitCode === undefined) throw unavailable("the supervisor was lost while the command ran");
      if (exitCode !== 0) throw failed(node, exitCode);
    } finally {
      output.close();
    }
  } finally {
    sandbox?.release();
    await clearStep(rooms, id, node, runtime);
    processes.forget(id);
  }
}

const stepFolder = ({ execRoot }: BuildRooms, id: string) => join(execRoot, "build", id);
const cgroupOf = (
  { cgroupDriver, cgroupParent }: BuildRooms,
  node: Pick<RunNode, "cgroupParent">,
  id: string,
): CgroupPlace => placeCgroup(cgroupDriver, node.cgroupParent || cgroupParent, id);

/** That a supervisor has gone is noticed some moments later; from then on a call waits for the next one. */
const clearing = { attempts: 20, pauseMilliseconds: 250 };

/** Takes away what is left of a command that has ended. What fails again and again is logged: the step's outcome is known. */
export async function clearStep(
  rooms: BuildRooms,
  id: string,
  node: Pick<RunNode, "cgroupParent"> = { cgroupParent: "" },
  runtime = rooms.runtime(),
): Promise<void> {
  const { launcher, networks, logger } = rooms;
  const parts: (() => Promise<unknown>)[] = [
    () => networks.close(id),
    () =>
      launcher
        .remove(id, runtime.root, () => runtime)
        .then(() => clearCgroup(cgroupOf(rooms, node, id).path)),
    () => rooms.supervisor().call("forget", { process: id }),
  ];
  await Promise.all(
    parts.map(async (part) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await part();
        } catch (error) {
          if (attempt === clearing.attempts)
            return logger.warn({ error, step: id }, "not all of a build step was cleared away");
          await sleep(clearing.pauseMilliseconds);
        }
      }
    }),
  );
  rmSync(stepFolder(rooms, id), { recursive: true, force: true });
}

/** The first process takes all others of its pid namespace with it. */
function killProcess(rooms: BuildRooms, id: string, pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    rooms.logger.debug({ error, step: id }, "a step's command had ended");
  }
}

async function openSandbox(rooms: BuildRooms, node: RunNode, id: string): Promise<Sandbox> {
  const name = node.network === "none" || !rooms.networks.hasDefaultBridge ? "none" : "bridge";
  return rooms.networks.open({
    owner: { kind: "build", id },
    ownerName: `build-${id.slice(0, 12)}`,
    mode: name,
    endpoints: { [name]: {} },
    portBindings: {},
    exposedPorts: [],
    publishAll: false,
    hostname: node.hostname,
    nameServers: rooms.dns().servers,
    mapping: rooms.remap?.mapping,
    hasNdots: hasNdots(rooms.dns().options),
  });
}

interface Described {
  id: string;
  runtime: RuntimeCommand;
  root: StepRoot;
  mounts: StepMounts;
  sandbox: Sandbox | undefined;
  folder: string;
  visitor: StepVisitor | undefined;
  devices: DeviceEdits;
}

function describe(rooms: BuildRooms, node: RunNode, step: Described): LaunchInput {
  const { id, runtime, root, mounts, sandbox, folder, visitor, devices } = step;
  const { remap } = rooms;
  const hostConfig = decode(hostConfigShape, {
    Ulimits: node.ulimits,
    ...node.limits,
    Privileged: node.isInsecure,
    ...(node.isInsecure && { SecurityOpt: ["seccomp=unconfined", "apparmor=unconfined"] }),
  });
  return {
    id,
    runtime,
    root: { ...root, readOnly: false },
    process: {
      args: node.args,
      env: [...(visitor ? ["TERM=xterm"] : []), ...node.proxyEnv, ...node.env, ...mounts.env],
      user: node.user,
      groups: [],
      workingDir: node.workingDir,
      terminal: visitor !== undefined,
      consoleSize: visitor?.size ?? [0, 0],
      openStdin: visitor !== undefined,
      init: false,
      oomScoreAdj: 0,
    },
    hostname: node.hostname,
    domainname: "",
    mounts: mounts.mounts,
    etcFiles: prepareEtcFiles(rooms, node, sandbox, folder),
    userNamespace: remap && { path: sandbox?.usernsPath ?? remap.path, mapping: remap.mapping },
    namespaces: {
      network: sandbox ? { path: sandbox.netnsPath } : "host",
      pid: "new",
      ipc: "new",
      uts: "new",
      cgroup: "new",
    },
    shmSizeBytes: node.shmSizeBytes ?? 64 * 1024 * 1024,
    cgroup: cgroupOf(rooms, node, id),
    limits: hostConfig,
    security: securityOf(hostConfig),
    annotations: {},
    sysctls: {},
    devices,
    log: { driver: "none" },
  };
}

function prepareEtcFiles(
  rooms: BuildRooms,
  node: RunNode,
  sandbox: Sandbox | undefined,
  folder: string,
): EtcFiles {
  const files = {
    hostname: join(folder, "hostname"),
    hosts: join(folder, "hosts"),
    resolvConf: join(folder, "resolv.conf"),
  };
  const endpoints = Object.values(sandbox?.endpoints ?? {});
  const addresses = endpoints.flatMap(({ IPAddress, GlobalIPv6Address }) =>
    [IPAddress, GlobalIPv6Address].flatMap((address) => address || []),
  );
  const gateways = rooms.networks.hostGateways();
  writeEtcFiles(
    files,
    {
      hostname: node.hostname,
      domainname: "",
      usesHostNetwork: node.network === "host",
      addresses,
      hasIpv6: endpoints.some(({ GlobalIPv6Address }) => GlobalIPv6Address),
      extraHosts: [...node.extraHosts],
      others: [],
      hostGateways: gateways.length > 0 ? gateways : ["127.0.0.1"],
      resolvConf: {
        asks: node.network === "host" ? "host" : node.network === "none" ? "none" : "outside",
        dns: rooms.dns(),
        hasIpv6: endpoints.some(({ GlobalIPv6Address }) => GlobalIPv6Address),
      },
    },
    rooms.remap && rootOutside(rooms.remap.mapping),
  );
  return files;
}

function explain(error: unknown, node: RunNode): Error {
  if (error instanceof EngineError) return error;
  const { message } = startFailure(messageOf(error), node.args).error;
  return internal(message, error);
}

/** As BuildKit shows a command: its arguments, quoted together. */
function failed(node: RunNode, exitCode: number): BuildError {
  const command = quoteGo(node.args.join(" "));
  return new BuildError(`process ${command} did not complete successfully: exit code: ${exitCode}`, {
    exitCode,
  });
}
