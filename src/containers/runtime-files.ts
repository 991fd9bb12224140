import { existsSync, rmSync } from "node:fs";
import { join, posix } from "node:path";
import { internal } from "../errors.ts";
import type { RuntimeCommand } from "../supervisor/protocol.ts";
import type { Container } from "./container.ts";
import type { Containers } from "./containers.ts";

export function runtimeOf(containers: Containers, container: Container): RuntimeCommand {
  const name = container.record.hostConfig.Runtime;
  const program = containers.settings.runtimes[name];
  if (!program) throw internal(`unknown or invalid runtime name: ${name}`);
  return { program, root: join(containers.settings.execRoot, "runtime", name) };
}

export function bundleOf(containers: Containers, id: string): string {
  return join(containers.settings.execRoot, "bundles", id);
}

/** Takes what the runtime may have left of a container: its state folder and cgroup. */
export async function deleteFromRuntime(containers: Containers, container: Container): Promise<void> {
  const { id } = container.record;
  const runtime = runtimeOf(containers, container);
  if (existsSync(join(runtime.root, id))) {
    await containers.supervisor.call("runtime", { runtime, arguments: ["delete", "--force", id] });
  }
  rmSync(bundleOf(containers, id), { recursive: true, force: true });
}

/** A container's cgroup, from the root of each hierarchy. */
export function cgroupOf({ settings }: Containers, { record }: Container): string {
  const parent = record.hostConfig.CgroupParent || settings.cgroupParent;
  // Taken from "/", ".." leads nowhere else.
  return posix.join("/", parent, record.id);
}
