import { join } from "node:path";
import { internal } from "../errors.ts";
import type { RuntimeCommand } from "../supervisor-protocol/protocol.ts";
import { cgroupPath } from "./cgroup-path.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";

export function runtimeOf(containers: Containers, container: Container): RuntimeCommand {
  const name = container.record.hostConfig.Runtime;
  const program = containers.settings.runtimes[name];
  if (!program) throw internal(`unknown or invalid runtime name: ${name}`);
  return { program, root: join(containers.settings.execRoot, "runtime", name) };
}

/** Takes what the runtime may have left of a container. */
export async function deleteFromRuntime(containers: Containers, container: Container): Promise<void> {
  await containers.launcher.remove(container.record.id, runtimeOf(containers, container));
}

/** A container's cgroup, from the root of each hierarchy. */
export function cgroupOf({ settings }: Containers, { record }: Container): string {
  return cgroupPath(settings.cgroupParent, record);
}
