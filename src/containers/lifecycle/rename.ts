import { EngineError, invalid } from "../../errors.ts";
import type { Container } from "../container.ts";
import { type Containers, claimName, publish } from "../containers.ts";

/** @throws EngineError invalid, conflict; internal when it cannot be stored */
export function renameContainer(containers: Containers, container: Container, wanted: string): void {
  const { record } = container;
  const oldName = record.name;
  if (wanted.replace(/^\//, "") === oldName) {
    throw invalid("Renaming a container with the same name as its current name");
  }
  const name = claimNewName(containers, wanted, record.id);
  containers.records.put(record.id, { ...record, name });
  containers.byName.delete(oldName);
  record.name = name;
  containers.byName.set(name, container);
  containers.networks.rename({ id: record.id, name, hostname: record.config.Hostname });
  publish(containers, container, "rename", { oldName: `/${oldName}` });
}

function claimNewName(containers: Containers, wanted: string, id: string): string {
  try {
    return claimName(containers, `/${wanted.replace(/^\//, "")}`, id);
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    throw new EngineError(error.kind, `Error when allocating new name: ${error.message}`, error);
  }
}
