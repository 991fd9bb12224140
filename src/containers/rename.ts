import type { Container } from "./container.ts";
import { type Containers, claimName, publish, save } from "./containers.ts";

/** @throws EngineError invalid, conflict */
export function renameContainer(containers: Containers, container: Container, wanted: string): void {
  const { record } = container;
  const oldName = record.name;
  const name = claimName(containers, wanted, record.id);
  containers.byName.delete(oldName);
  record.name = name;
  containers.byName.set(name, container);
  save(containers, container);
  publish(containers, container, "rename", { oldName: `/${oldName}` });
}
