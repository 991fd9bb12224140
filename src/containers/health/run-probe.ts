import { messageOf } from "../../errors.ts";
import { timestamp } from "../../formats/timestamp.ts";
import { formatDuration } from "../../formats/units.ts";
import type { Container } from "../container.ts";
import type { Containers } from "../containers.ts";
import { probeExec } from "../exec/probe-exec.ts";
import type { HealthResult } from "./judge.ts";
import type { Probe } from "./probe.ts";
import { probeByClient } from "./probe-by-client.ts";

const keptOutputBytes = 4096;
/** Docker's, for one that could not be run or did not end in time. */
const noExitCode = -1;
/** Docker's, for a runtime to have it run. */
const usualStartMilliseconds = 30_000;
/** No client waits for it, but one that has seen it among the events may ask. Hundreds may come a second. */
const keptMilliseconds = 5000;

/**
 * Runs a container's health check once, to its end or until its time is over: then it is killed.
 * @param signal aborted when the result is no longer wanted: it is killed as well
 * @returns undefined when the supervisor was lost meanwhile, which says nothing of the container
 */
export async function runProbe(
  containers: Containers,
  container: Container,
  { args, timeoutMilliseconds }: Probe,
  signal: AbortSignal,
  startTimeoutMilliseconds = usualStartMilliseconds,
): Promise<HealthResult | undefined> {
  const Start = timestamp();
  const result = (ExitCode: number, Output: string): HealthResult => {
    return { Start, End: timestamp(), ExitCode, Output };
  };
  const { supervisor } = containers;
  const run = containers.launcher.canProbe() ? probeExec : probeByClient;
  try {
    const times = { timeoutMilliseconds, startTimeoutMilliseconds, keptMilliseconds };
    const request = { args, keptOutputBytes, ...times };
    const { exitCode, output, isCut, isLate, isUnstarted } = await run(
      containers,
      container,
      request,
      signal,
    );
    if (isUnstarted)
      return result(noExitCode, `timed out starting health check for container ${container.record.id}`);
    const text = isCut ? `${output}...` : output;
    if (!isLate) return result(exitCode, text);
    const time = formatDuration(timeoutMilliseconds * 1e6);
    const said = text === "" ? "" : `: ${text}`;
    return result(noExitCode, `Health check exceeded timeout (${time})${said}`);
  } catch (error) {
    if (containers.supervisor !== supervisor) return undefined;
    return result(noExitCode, messageOf(error));
  }
}
