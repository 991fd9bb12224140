import { existsSync } from "node:fs";
import { join } from "node:path";
import { internal } from "../errors.ts";
import { type CgroupPlace, placeCgroup } from "../runtime/cgroup-place.ts";
import type { RuntimeCommand } from "../supervisor-protocol/protocol.ts";
import { cgroupFolder } from "../sys/cgroup.ts";
import type { Container, ContainerRecord } from "./container.ts";
import type { ContainerSettings, Containers } from "./containers.ts";

export function runtimeOf(containers: Containers, container: Container): RuntimeCommand {
  return runtimeNamed(containers.settings, container.record.hostConfig.Runtime);
}

/** @throws EngineError internal when there is none by that name any more */
export function runtimeNamed(
  { runtimes, runtimeArgs, execRoot }: Pick<ContainerSettings, "runtimes" | "runtimeArgs" | "execRoot">,
  name: string,
): RuntimeCommand {
  const program = runtimes[name];
  if (!program) throw internal(`unknown or invalid runtime name: ${name}`);
  const firstWords = runtimeArgs[name];
  return { program, root: join(execRoot, "runtime", name), ...(firstWords && { firstWords }) };
}

/** Takes what the runtime may have left of a container. */
export async function deleteFromRuntime(containers: Containers, container: Container): Promise<void> {
  await containers.launcher.remove(container.record.id, runtimeOf(containers, container));
}

/** Where the next start of a container makes its cgroup. */
export function nextCgroup(
  { cgroupDriver, cgroupParent }: Pick<ContainerSettings, "cgroupDriver" | "cgroupParent">,
  { id, hostConfig }: ContainerRecord,
): CgroupPlace {
  return placeCgroup(cgroupDriver, hostConfig.CgroupParent || cgroupParent, id);
}

/** The cgroup of a container's last start, from the root of each hierarchy: settings may have changed since. */
export function cgroupOf({ settings }: Pick<Containers, "settings">, { record }: Container): string {
  return record.cgroup ?? nextCgroup(settings, record).path;
}

/** crun makes one more cgroup in a scope, and sets the limits there. */
const subgroup = "container";

/** Notes where the cgroup of a container is that has just been started. */
export function noteCgroup({ settings }: Pick<Containers, "settings">, { record }: Container): void {
  const { path, driver } = nextCgroup(settings, record);
  const inner = join(path, subgroup);
  record.cgroup = driver === "systemd" && existsSync(cgroupFolder(inner, "memory")) ? inner : path;
}
