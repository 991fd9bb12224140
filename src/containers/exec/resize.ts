import { conflict, internal, notFound } from "../../errors.ts";
import { isLateBy } from "../../sys/long-timeout.ts";
import type { Container } from "../container.ts";
import { type Containers, publish } from "../containers.ts";
import { getExec } from "./exec.ts";

export interface WindowSize {
  rows: number;
  columns: number;
}

/** @throws EngineError conflict when it does not run */
export async function resizeContainer(
  containers: Containers,
  container: Container,
  size: WindowSize,
): Promise<void> {
  const { id } = container.record;
  if (!container.can("resize")) throw conflict(`container ${id} is not running`);
  await containers.supervisor.call("resize", { process: id, ...size });
  publish(containers, container, "resize", { height: String(size.rows), width: String(size.columns) });
}

/** Docker's. */
const longestStartMilliseconds = 10_000;

/**
 * Waits for its start: clients say how large their terminal is right after they have asked for that.
 * @throws EngineError notFound, also when it has ended; internal when it is not started in time
 */
export async function resizeExec(
  containers: Containers,
  id: string,
  size: WindowSize,
  startMilliseconds = longestStartMilliseconds,
): Promise<void> {
  const exec = getExec(containers, id);
  if (await isLateBy(startMilliseconds, exec.begun.promise))
    throw internal("timeout waiting for exec session ready");
  if (!exec.running) throw notFound(`NotFound: process does not exist ${id}: not found`);
  await containers.supervisor.call("resize", { process: id, ...size });
}
