import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { conflict, EngineError, invalid, messageOf, notFound } from "../errors.ts";
import type { ExecCreateRequest, ExecInspect } from "../formats/docker-api.ts";
import { ensureAppArmorProfile, resolveAppArmorProfile } from "../runtime/apparmor.ts";
import { capabilitiesOf } from "../runtime/capabilities.ts";
import type { OciProcess } from "../runtime/oci-spec.ts";
import { buildEnv, capabilitySets } from "../runtime/spec.ts";
import type { Exit } from "../supervisor/protocol.ts";
import { expectCgroupMove } from "../sys/cgroup-move.ts";
import { createTrace } from "../trace.ts";
import type { Container } from "./container.ts";
import { type Containers, type Exec, newId, publish } from "./containers.ts";
import { rootLayers } from "./rootfs.ts";
import { bundleOf, runtimeOf } from "./runtime-files.ts";
import { execPrefix, startFailure } from "./start-failure.ts";
import { resolveUser } from "./user.ts";

/** Docker's exit code of an exec that could not be started, whatever the reason. */
const cannotBeRun = 126;

/** @throws EngineError conflict when the container does not run or is paused, invalid without a command */
export function createExec(containers: Containers, container: Container, request: ExecCreateRequest): Exec {
  checkRunning(container);
  if (!request.Cmd?.length) throw invalid("no exec command specified");
  expectCgroupMove();
  const exec: Exec = {
    id: newId(),
    container,
    request: {
      stdin: request.AttachStdin ?? false,
      stdout: request.AttachStdout ?? false,
      stderr: request.AttachStderr ?? false,
      tty: request.Tty ?? false,
      privileged: request.Privileged ?? false,
      user: request.User ?? "",
      args: request.Cmd,
      env: request.Env ?? [],
      workingDir: request.WorkingDir ?? "",
      detachKeys: request.DetachKeys ?? "",
      ...(request.ConsoleSize && { consoleSize: request.ConsoleSize }),
    },
    running: false,
    started: false,
    pid: 0,
    startTicks: 0,
    exitCode: null,
    ended: Promise.withResolvers(),
  };
  containers.execs.set(exec.id, exec);
  publish(containers, container, `exec_create: ${exec.request.args.join(" ")}`, { execID: exec.id });
  return exec;
}

/** @throws EngineError notFound */
export function getExec(containers: Containers, id: string): Exec {
  const exec = containers.execs.get(id);
  if (!exec) throw notFound(`No such exec instance: ${id}`);
  return exec;
}

/**
 * Runs the process in the container. What it writes before anybody is attached is lost.
 * @param client name of an attached connection that may still be on its way
 * @throws EngineError conflict when it was started before or the container does not run
 */
export async function startExec(containers: Containers, exec: Exec, client?: string): Promise<void> {
  const { container, request } = exec;
  checkStartable(exec);
  exec.started = true;
  expectCgroupMove();
  const { id } = container.record;
  const trace = createTrace();
  const processFile = join(bundleOf(containers, id), `exec-${exec.id}.json`);
  try {
    await ensureAppArmorProfile(resolveAppArmorProfile(container.record.hostConfig));
    writeFileSync(processFile, JSON.stringify(buildExecProcess(containers, exec)), { mode: 0o600 });
    exec.running = true;
    trace.mark("prepare");
    const { pid, startTicks, phases } = await containers.supervisor.call("exec", {
      process: exec.id,
      container: id,
      runtime: runtimeOf(containers, container),
      terminal: request.tty,
      openStdin: request.stdin,
      processFile,
      ...(request.consoleSize && { consoleSize: request.consoleSize }),
      ...(client && { client }),
    });
    exec.pid = pid;
    exec.startTicks = startTicks;
    trace.mark("supervisor");
    trace.add(phases);
    const milliseconds = trace.end();
    if (milliseconds) containers.logger.info({ trace: "exec", exec: exec.id, milliseconds });
    publish(containers, container, `exec_start: ${request.args.join(" ")}`, { execID: exec.id });
  } catch (error) {
    exec.running = false;
    exec.ended.resolve();
    forgetLater(containers, exec);
    if (error instanceof EngineError && error.kind === "invalid") {
      exec.exitCode = cannotBeRun;
      throw error;
    }
    const failure = startFailure(messageOf(error), request.args, execPrefix);
    exec.exitCode = failure.exitCode === 127 ? 127 : cannotBeRun;
    throw failure.error;
  } finally {
    rmSync(processFile, { force: true });
  }
}

/** @throws EngineError conflict */
export function checkStartable(exec: Exec): void {
  checkRunning(exec.container);
  if (exec.started) throw conflict(`exec ${exec.id} has already run`);
}

function checkRunning(container: Container): void {
  const { state, id } = container.record;
  if (state.Restarting) {
    throw conflict(`Container ${id} is restarting, wait until the container is running`);
  }
  if (!state.Running) throw conflict(`container ${id} is not running`);
  if (state.Paused) throw conflict(`Container ${id} is paused, unpause the container before exec`);
}

function buildExecProcess(containers: Containers, exec: Exec): OciProcess {
  const { request, container } = exec;
  const { config, hostConfig, id } = container.record;
  const layers = rootLayers(containers, container);
  const user = resolveUser(layers, request.user || config.User, hostConfig.GroupAdd ?? []);
  const capabilities = capabilitiesOf({
    privileged: hostConfig.Privileged || request.privileged,
    add: hostConfig.CapAdd ?? [],
    drop: hostConfig.CapDrop ?? [],
  });
  const [height = 0, width = 0] = request.consoleSize ?? [];
  // As with Docker, a privileged exec stays under the container's profile.
  const apparmorProfile = resolveAppArmorProfile(hostConfig);
  return {
    terminal: request.tty,
    ...(request.tty && height > 0 && width > 0 && { consoleSize: { height, width } }),
    user,
    args: request.args,
    env: buildEnv(
      { Env: [...(config.Env ?? []), ...request.env], Tty: request.tty },
      config.Hostname || id.slice(0, 12),
    ),
    cwd: request.workingDir || config.WorkingDir || "/",
    capabilities: capabilitySets(capabilities, user.uid),
    noNewPrivileges: (hostConfig.SecurityOpt ?? []).some((option) =>
      /^no-new-privileges($|[:=]true$)/.test(option),
    ),
    rlimits: (hostConfig.Ulimits ?? []).map(({ Name, Soft, Hard }) => {
      return { type: `RLIMIT_${Name.toUpperCase()}`, soft: Soft, hard: Hard };
    }),
    ...(apparmorProfile && { apparmorProfile }),
  };
}

/** The exit of a process that is not a container's own. */
export function recordExecExit(containers: Containers, exit: Exit): void {
  void containers.supervisor.call("forget", { process: exit.process }).catch(() => {});
  const exec = containers.execs.get(exit.process);
  if (!exec) return;
  exec.running = false;
  exec.pid = 0;
  exec.exitCode = exit.exitCode ?? null;
  exec.ended.resolve();
  publish(containers, exec.container, "exec_die", {
    execID: exec.id,
    exitCode: String(exit.exitCode ?? "unknown"),
  });
  forgetLater(containers, exec);
}

/** Clients ask for the exit code after the output has ended, and then the container may have ended as well. */
const keptAfterExitMilliseconds = 5 * 60_000;

function forgetLater(containers: Containers, exec: Exec): void {
  setTimeout(() => containers.execs.delete(exec.id), keptAfterExitMilliseconds).unref();
}

/** Forgets those that can't be started any more, since the container has ended. */
export function dropUnstartedExecs(containers: Containers, container: Container): void {
  for (const [id, exec] of containers.execs)
    if (exec.container === container && !exec.started) containers.execs.delete(id);
}

export function inspectExec(exec: Exec): ExecInspect {
  const { request } = exec;
  return {
    ID: exec.id,
    Running: exec.running,
    ExitCode: exec.exitCode,
    ProcessConfig: {
      entrypoint: request.args[0] ?? "",
      arguments: request.args.slice(1),
      privileged: request.privileged,
      tty: request.tty,
      ...(request.user && { user: request.user }),
    },
    OpenStdin: request.stdin,
    OpenStderr: request.stderr,
    OpenStdout: request.stdout,
    CanRemove: !exec.running && exec.started,
    ContainerID: exec.container.record.id,
    DetachKeys: request.detachKeys,
    Pid: exec.pid,
  };
}

/** Ids of the execs of a container that run or have yet to, as inspect lists them. */
export function execIdsOf(containers: Containers, container: Container): string[] {
  const mine = [...containers.execs.values()].filter((exec) => exec.container === container);
  return mine.filter((exec) => exec.running || !exec.started).map(({ id }) => id);
}
