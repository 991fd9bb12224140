import { conflict, notFound } from "../../errors.ts";
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

/** @throws EngineError notFound, also when it has ended */
export async function resizeExec(containers: Containers, id: string, size: WindowSize): Promise<void> {
  const exec = getExec(containers, id);
  if (exec.exitCode !== null) throw notFound(`NotFound: process does not exist ${id}: not found`);
  await containers.supervisor.call("resize", { process: id, ...size });
}
