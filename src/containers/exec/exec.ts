import { conflict, EngineError, invalid, messageOf, notFound } from "../../errors.ts";
import { parseDetachKeys } from "../../formats/detach-keys.ts";
import type { ExecCreateRequest, ExecInspect } from "../../formats/docker-api/docker-api.ts";
import type { ExecInput } from "../../launch/input.ts";
import { execPrefix, startFailure } from "../../launch/start-failure.ts";
import { resolveUser } from "../../launch/user.ts";
import { securityOf } from "../../runtime/security.ts";
import type { Exit } from "../../supervisor-protocol/protocol.ts";
import { expectCgroupMove } from "../../sys/cgroup-move.ts";
import { createTrace } from "../../trace.ts";
import type { Container } from "../container.ts";
import { type Containers, type Exec, getContainer, newId, publish } from "../containers.ts";
import { linkEnvironment } from "../links.ts";
import { rootLayers } from "../rootfs.ts";
import { runtimeOf } from "../runtime-files.ts";
import { runningMapping } from "../user-namespace.ts";

/** Docker's exit code of an exec that could not be started, whatever the reason. */
const cannotBeRun = 126;
/** Of a process, a container's as well, that neither daemon nor supervisor saw end. Clients take no code for success. */
export const unknownExitCode = 255;
/** Clients ask for the exit code after the output has ended, and then the container may have ended as well. */
const keptAfterExitMilliseconds = 5 * 60_000;

/**
 * @param reference what the container was asked for by
 * @param keptMilliseconds for how long clients may ask for its exit code after its end
 * @throws EngineError conflict when the container does not run or is paused, invalid without a command, for the detach keys and for
 * a user that is not there
 */
export async function createExec(
  containers: Containers,
  reference: string,
  request: ExecCreateRequest,
  keptMilliseconds = keptAfterExitMilliseconds,
): Promise<Exec> {
  if (!request.Cmd?.length) throw invalid("No exec command specified");
  const container = getContainer(containers, reference);
  checkRunning(container, reference);
  const detachKeys = request.DetachKeys ?? "";
  if (!parseDetachKeys(detachKeys)) throw invalid(`Invalid escape keys (${detachKeys}) provided`);
  expectCgroupMove();
  const { config, hostConfig } = container.record;
  // This reports mistakes early; what the files say at the start counts.
  await resolveUser(
    rootLayers(containers, container),
    request.User || config.User,
    hostConfig.GroupAdd ?? [],
  );
  // It may have ended meanwhile, and with it what is known of its execs.
  checkRunning(container, reference);
  return addExec(containers, container, request, keptMilliseconds);
}

/** One whose container runs. @see createExec */
export function addExec(
  containers: Containers,
  container: Container,
  request: ExecCreateRequest,
  keptMilliseconds: number,
): Exec {
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
      args: request.Cmd ?? [],
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
    keptMilliseconds,
    begun: Promise.withResolvers(),
    ended: Promise.withResolvers(),
  };
  containers.execs.set(exec.id, exec);
  publish(containers, container, `exec_create: ${exec.request.args.join(" ")}`, { execID: exec.id });
  return exec;
}

/** @throws EngineError notFound, also once its container is removed */
export function getExec(containers: Containers, id: string): Exec {
  const exec = containers.execs.get(id);
  if (!exec || exec.container.isGone) throw notFound(`No such exec instance: ${id}`);
  return exec;
}

/** @throws EngineError notFound; conflict when its container does not run or is paused */
export function getStartableExec(containers: Containers, id: string): Exec {
  const exec = getExec(containers, id);
  checkRunning(exec.container);
  return exec;
}

/**
 * Runs the process in the container. What it writes before a client is attached is lost.
 * @param client name of an attached connection that may still be on its way
 * @throws EngineError conflict when it was started before or the container does not run
 */
export async function startExec(containers: Containers, exec: Exec, client?: string): Promise<void> {
  beginExec(containers, exec);
  expectCgroupMove();
  const trace = createTrace();
  try {
    const { pid, startTicks } = await containers.launcher.exec(describeExec(containers, exec, client), trace);
    if (exec.running) {
      exec.pid = pid;
      exec.startTicks = startTicks;
    }
    const milliseconds = trace.end();
    if (milliseconds) containers.logger.info({ trace: "exec", exec: exec.id, milliseconds });
  } catch (error) {
    throw failExec(containers, exec, error);
  } finally {
    exec.begun.resolve();
  }
}

/** @throws EngineError conflict when it was started before or the container does not run */
export function beginExec(containers: Containers, exec: Exec): void {
  const { container, request } = exec;
  checkRunning(container);
  if (exec.started) throw alreadyStarted(exec);
  exec.started = true;
  exec.running = true;
  // Before it runs, since a short one may end before the answer is here.
  publish(containers, container, `exec_start: ${request.args.join(" ")}`, { execID: exec.id });
}

/** It could not be started. @returns what is said of that */
export function failExec(containers: Containers, exec: Exec, error: unknown): EngineError {
  exec.running = false;
  exec.ended.resolve();
  forgetLater(containers, exec);
  if (error instanceof EngineError && error.kind === "invalid") {
    exec.exitCode = cannotBeRun;
    return error;
  }
  const failure = startFailure(messageOf(error), exec.request.args, execPrefix);
  exec.exitCode = failure.exitCode === 127 ? 127 : cannotBeRun;
  return failure.error;
}

export function alreadyStarted(exec: Exec): EngineError {
  return conflict(`exec command ${exec.id} ${exec.running ? "is already running" : "has already run"}`);
}

/** @throws EngineError conflict */
function checkRunning(container: Container, reference = container.record.id): void {
  if (container.can("exec")) return;
  const { phase } = container;
  const { id } = container.record;
  if (phase === "restarting")
    throw conflict(`Container ${id} is restarting, wait until the container is running`);
  if (phase === "paused")
    throw conflict(`Container ${reference} is paused, unpause the container before exec`);
  throw conflict(`container ${id} is not running`);
}

export function describeExec(
  containers: Containers,
  { id, container, request }: Exec,
  client?: string,
): ExecInput {
  const { config, hostConfig, id: containerId } = container.record;
  // As with Docker, a privileged exec stays under the container's profile.
  const security = securityOf(hostConfig, containers.settings.containerDefaults);
  return {
    id,
    container: containerId,
    runtime: runtimeOf(containers, container),
    layers: rootLayers(containers, container),
    process: {
      args: request.args,
      env: [...linkEnvironment(containers, container), ...(config.Env ?? []), ...request.env],
      user: request.user || config.User,
      groups: hostConfig.GroupAdd ?? [],
      workingDir: request.workingDir || config.WorkingDir,
      terminal: request.tty,
      consoleSize: request.consoleSize ?? [0, 0],
      openStdin: request.stdin,
    },
    hostname: config.Hostname || containerId.slice(0, 12),
    mapping: runningMapping(container),
    ulimits: hostConfig.Ulimits ?? [],
    security: { ...security, privileged: hostConfig.Privileged || request.privileged },
    ...(client && { client }),
  };
}

/** The exit of a process that is not a container's own. */
export function recordExecExit(containers: Containers, exit: Exit): void {
  void containers.supervisor.call("forget", { process: exit.process }).catch(() => {});
  const exec = containers.execs.get(exit.process);
  if (exec) endExec(containers, exec, exit.exitCode);
}

/** @param exitCode undefined when it is not known */
export function endExec(containers: Containers, exec: Exec, exitCode: number | undefined): void {
  exec.running = false;
  exec.pid = 0;
  exec.exitCode = exitCode ?? unknownExitCode;
  exec.ended.resolve();
  publish(containers, exec.container, "exec_die", {
    execID: exec.id,
    exitCode: String(exec.exitCode),
  });
  forgetLater(containers, exec);
}

function forgetLater({ execs }: Containers, { id, keptMilliseconds }: Exec): void {
  setTimeout(() => execs.delete(id), keptMilliseconds).unref();
}

/** Forgets those that can't be started any more, since the container has ended. */
export function dropUnstartedExecs(containers: Containers, container: Container): void {
  for (const [id, exec] of containers.execs)
    if (exec.container === container && !exec.started) containers.execs.delete(id);
}

export function inspectExec({ launcher }: Containers, exec: Exec): ExecInspect {
  const { request } = exec;
  const containerId = exec.container.record.id;
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
    ContainerID: containerId,
    DetachKeys: request.detachKeys,
    // Of a health check's process the daemon hears nothing before its end.
    Pid: exec.pid || (exec.running ? launcher.pidOfProbe(containerId, exec.id) : 0),
  };
}

/** Ids of the execs of a container that run or have yet to, as inspect lists them. */
export function execIdsOf(containers: Containers, container: Container): string[] {
  const mine = [...containers.execs.values()].filter((exec) => exec.container === container);
  return mine.filter((exec) => exec.running || !exec.started).map(({ id }) => id);
}
