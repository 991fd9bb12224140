import { setTimeout as sleep } from "node:timers/promises";
import { nextDelayMilliseconds, shouldRestart } from "../../formats/restart-policy.ts";
import { formatTimestamp, parseTimestamp } from "../../formats/timestamp.ts";
import type { Exit } from "../../supervisor-protocol/protocol.ts";
import { millisecondsSince } from "../../sys/process.ts";
import { createTrace } from "../../trace.ts";
import type { Container } from "../container.ts";
import { type Containers, publish, save } from "../containers.ts";
import { dropUnstartedExecs, recordExecExit, unknownExitCode } from "../exec/exec.ts";
import { deleteFromRuntime } from "../runtime-files.ts";
import { publishVolumes } from "../volume-events.ts";
import { discardEnded, discardIfDue } from "./discard.ts";
import { lookForOom } from "./oom.ts";
import { begin } from "./start.ts";

/** Takes note of a process's end, of a container's or of an exec's. */
export function handleExit(containers: Containers, exit: Exit): void {
  const container = containers.byId.get(exit.process);
  if (!container) {
    recordExecExit(containers, exit);
    return;
  }
  container
    .enqueue(() => recordExit(containers, container, exit))
    .catch((error) => containers.logger.error({ error, container: exit.process }, "handling an exit failed"));
}

/** A supervisor that follows a killed one reports an exit once more, when the container may already run again. */
export function isOfThisRun({ record: { state, startTicks } }: Container, exit: Exit): boolean {
  return state.Pid === 0 || !exit.pid || (exit.pid === state.Pid && exit.startTicks === startTicks);
}

/** Call it within the container's queue. */
export async function recordExit(containers: Containers, container: Container, exit: Exit): Promise<void> {
  const { record } = container;
  if (record.state.Pid === 0) return clearAway(containers, container);
  if (!isOfThisRun(container, exit)) return;
  const trace = createTrace();
  trace.add({ "supervisor to daemon": Date.now() - exit.at });
  const knownCode = exit.exitCode ?? container.witness?.exitCode();
  container.dropWitness();
  const exitCode = knownCode ?? unknownExitCode;
  const startedAt = parseTimestamp(record.state.StartedAt) ?? exit.at;
  const oomKilled = lookForOom(containers, container);
  Object.assign(record.state, {
    Pid: 0,
    ExitCode: exitCode,
    OOMKilled: oomKilled,
    FinishedAt: formatTimestamp(exit.at),
    Error:
      knownCode === undefined ? "exit code unknown: process exited while the supervisor was not running" : "",
  });
  const { stoppedByUser, restartCount } = record;
  const mayRestart = !containers.closing && !container.isLeaving;
  const isToRestart = container.intends("restart");
  const again =
    mayRestart &&
    !isToRestart &&
    shouldRestart(record.hostConfig.RestartPolicy, { exitCode, stoppedByUser, restartCount });
  // Clients that follow it ask at its "die" whether it comes back: without that, `docker compose logs -f` would leave it.
  container.enter(again || (mayRestart && isToRestart) ? "endedForRestart" : "ended");
  if (again) record.restartCount++;
  save(containers, container);
  publishVolumes(containers, container, "unmount");
  publish(containers, container, "die", {
    exitCode: String(exitCode),
    execDuration: String(Math.max(0, Math.floor((exit.at - startedAt) / 1000))),
  });
  // Before one that removes itself is gone, and its name with it.
  for (const _ of container.takeStops()) publish(containers, container, "stop");
  const autoRemove = record.hostConfig.AutoRemove && !again && !isToRestart;
  // Its log goes with it.
  const unsent = autoRemove ? containers.unsent.get(record.id) : undefined;
  const isRemovedNow = autoRemove && !unsent;
  if (!isRemovedNow) container.notifyExit({ exitCode });
  trace.mark("record");
  dropUnstartedExecs(containers, container);
  if (isRemovedNow) {
    await discardEnded(containers, container).finally(() => container.notifyExit({ exitCode }));
    trace.mark("discard");
  } else {
    await clearAway(containers, container);
    trace.mark("clear away");
  }
  if (unsent) void removeOnceSent(containers, container, unsent);
  // One that had ended before its start could be looked at has none, and ran for no time.
  const ranForMilliseconds = record.startTicks > 0 ? millisecondsSince(record.startTicks) : 0;
  if (again && containers.isResumed) scheduleRestart(containers, container, ranForMilliseconds);
  const milliseconds = trace.end();
  if (milliseconds) containers.logger.info({ trace: "exit", container: record.id, milliseconds });
}

/** For a log server that is away or behind. */
const longestSendingMilliseconds = 5000;

/** Nothing waits for it but the removal: the container has ended for all who ask. */
export async function removeOnceSent(
  containers: Containers,
  container: Container,
  sent: Promise<void>,
): Promise<void> {
  await Promise.race([sent, sleep(longestSendingMilliseconds, undefined, { ref: false })]);
  // The next daemon removes it.
  if (containers.closing) return;
  await container
    .enqueue(() => discardIfDue(containers, container))
    .catch((error: unknown) =>
      containers.logger.error(
        { error, container: container.record.id },
        "a container could not remove itself",
      ),
    );
}

/** What the kernel does not take down by itself. Steps that fail because the supervisor was lost are retried when it is back. */
async function clearAway(containers: Containers, container: Container): Promise<void> {
  const { record } = container;
  const { id } = record;
  const forget = async () => {
    await deleteFromRuntime(containers, container);
    await containers.supervisor.call("forget", { process: id });
  };
  const volumes = () => containers.volumes.release(record.mounts, id);
  for (const outcome of await Promise.allSettled([containers.networks.close(id), forget(), volumes()])) {
    if (outcome.status === "fulfilled") continue;
    containers.logger.warn(
      { error: outcome.reason, container: id },
      "not all of a container was cleared away",
    );
  }
}

/** Starts it, where no user has asked for that. Call it within the container's queue. @throws as `begin`; then it may be tried again */
export async function beginUnasked(containers: Containers, container: Container): Promise<void> {
  try {
    await begin(containers, container, true);
  } finally {
    if (container.phase === "restarting" && !containers.closing) scheduleRestart(containers, container, 0);
  }
}

function scheduleRestart(containers: Containers, container: Container, ranForMilliseconds: number): void {
  clearTimeout(container.restartTimer);
  const delay = nextDelayMilliseconds(container.restartDelayMilliseconds, ranForMilliseconds);
  container.restartDelayMilliseconds = delay;
  container.restartTimer = setTimeout(() => {
    container
      .enqueue(async () => {
        if (container.phase !== "restarting" || container.isLeaving || containers.closing) return;
        await beginUnasked(containers, container);
      })
      .catch((error) => containers.logger.warn({ error, container: container.record.id }, "restart failed"));
  }, delay);
}
