import type { ProbeLimits } from "../../launch/launch.ts";
import type { Probed } from "../../supervisor-protocol/protocol.ts";
import type { Container } from "../container.ts";
import type { Containers } from "../containers.ts";
import { addExec, beginExec, describeExec, endExec, failExec } from "./exec.ts";

export interface ProbeRequest extends ProbeLimits {
  args: string[];
  /** For how long clients that have seen it among the events may ask for it. */
  keptMilliseconds: number;
}

/**
 * Runs an exec to its end, without a client, for the beginning of its output.
 * @param gone aborted when the result is no longer wanted: then it is killed
 * @throws EngineError conflict when the container does not run, and for an exec that could not be started
 */
export async function probeExec(
  containers: Containers,
  container: Container,
  { args, keptMilliseconds, ...limits }: ProbeRequest,
  gone: AbortSignal,
): Promise<Probed> {
  const request = { Cmd: args, AttachStdout: true, AttachStderr: true };
  const exec = addExec(containers, container, request, keptMilliseconds);
  const abort = () =>
    void containers.supervisor.call("abort", { process: exec.id }).catch((error: unknown) => {
      containers.logger.warn({ error, exec: exec.id }, "a health check could not be ended");
    });
  beginExec(containers, exec);
  gone.addEventListener("abort", abort);
  const { supervisor } = containers;
  try {
    const probed = await containers.launcher.probe(describeExec(containers, exec), limits, gone);
    endExec(containers, exec, probed.exitCode);
    return probed;
  } catch (error) {
    const isCutOff = gone.aborted || containers.supervisor !== supervisor;
    if (!isCutOff) throw failExec(containers, exec, error);
    // Its start was announced, so its end is as well.
    endExec(containers, exec, undefined);
    throw error;
  } finally {
    gone.removeEventListener("abort", abort);
    exec.begun.resolve();
  }
}
