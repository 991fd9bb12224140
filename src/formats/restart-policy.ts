import { invalid } from "../errors.ts";
import type { RestartPolicy } from "./docker-api/docker-api.ts";

const firstDelayMilliseconds = 100;
const longestDelayMilliseconds = 60_000;
const steadyAfterMilliseconds = 10_000;

/** @throws EngineError invalid */
export function checkRestartPolicy(policy: RestartPolicy, autoRemove: boolean): void {
  const { Name: name, MaximumRetryCount: count } = policy;
  if (!["", "no", "always", "unless-stopped", "on-failure"].includes(name)) {
    throw invalid(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  }
  if (count < 0) throw invalid("invalid restart policy: maximum retry count cannot be negative");
  if (count > 0 && name !== "on-failure") {
    throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  }
  if (autoRemove && name !== "" && name !== "no") {
    throw invalid("can't create 'AutoRemove' container with restart policy");
  }
}

export interface Ended {
  exitCode: number;
  /** By stop, kill or rm: then only a restart of the daemon may start it again. */
  stoppedByUser: boolean;
  /** Restarts since a user last started it. */
  restartCount: number;
}

/** Whether a container that has just ended is started again. */
export function shouldRestart(policy: RestartPolicy, ended: Ended): boolean {
  if (ended.stoppedByUser) return false;
  if (policy.Name === "always" || policy.Name === "unless-stopped") return true;
  if (policy.Name !== "on-failure" || ended.exitCode === 0) return false;
  return policy.MaximumRetryCount === 0 || ended.restartCount < policy.MaximumRetryCount;
}

/**
 * Whether a container found not running, that has run before, is started when the daemon starts. As with Docker, on-failure asks for the
 * exit code and the count alone, and not for who has ended it.
 */
export function shouldStartWithDaemon(policy: RestartPolicy, ended: Ended): boolean {
  if (policy.Name === "on-failure") return shouldRestart(policy, { ...ended, stoppedByUser: false });
  return policy.Name === "always" || (policy.Name === "unless-stopped" && !ended.stoppedByUser);
}

/**
 * How long to wait before the next restart: 100 ms, doubled each time up to a minute, from the beginning again after a run
 * of ten seconds.
 */
export function nextDelayMilliseconds(previous: number | undefined, ranForMilliseconds: number): number {
  if (previous === undefined || ranForMilliseconds >= steadyAfterMilliseconds) return firstDelayMilliseconds;
  return Math.min(previous * 2, longestDelayMilliseconds);
}
