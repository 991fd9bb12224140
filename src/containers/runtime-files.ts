import { existsSync } from "node:fs";
import { join } from "node:path";
import { conflict, internal } from "../errors.ts";
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
  return { program, root: runtimeRoot(execRoot, name), ...(firstWords && { firstWords }) };
}

const runtimeRoot = (execRoot: string, name: string) => join(execRoot, "runtime", name);

/** Where a container's runtime keeps its containers, also one that is no longer configured. */
export function runtimeRootOf({ settings }: Pick<Containers, "settings">, { record }: Container): string {
  return runtimeRoot(settings.execRoot, record.hostConfig.Runtime);
}

/**
 * Takes what the runtime may have left of a container.
 * @throws EngineError conflict when it has left something and is no longer configured
 */
export async function deleteFromRuntime(containers: Containers, container: Container): Promise<void> {
  const { id, hostConfig } = container.record;
  const { launcher, settings } = containers;
  const root = runtimeRootOf(containers, container);
  await launcher.remove(id, root, () => {
    if (Object.hasOwn(settings.runtimes, hostConfig.Runtime)) return runtimeOf(containers, container);
    throw conflict(
      `runtime ${hostConfig.Runtime} is no longer configured and has left ${join(root, id)}: add it to the configured runtimes again`,
    );
  });
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
