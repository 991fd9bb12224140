import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { conflict, invalid } from "../../errors.ts";
import type { HostConfig, Resources, UpdateRequest } from "../../formats/docker-api/docker-api.ts";
import { checkRestartPolicy } from "../../formats/restart-policy.ts";
import { checkResources, discardBlockWeight, encodeUpdate } from "../../runtime/resources.ts";
import type { Container } from "../container.ts";
import { type Containers, publish } from "../containers.ts";
import { runtimeOf } from "../runtime-files.ts";

/** Of these 0 and "" mean unchanged. */
const updatable = [
  ...["CpuShares", "Memory", "NanoCpus", "BlkioWeight", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod"],
  ...["CpuRealtimeRuntime", "CpusetCpus", "CpusetMems", "MemoryReservation", "MemorySwap"],
] as const satisfies (keyof Resources)[];

/** The kernel's own. A number below zero is to it one far above. */
const mostShares = 262_144;

/** Changes limits and restart policy, of a running container at once. @returns warnings. @throws EngineError invalid, conflict; internal when it cannot be stored */
export function updateContainer(
  containers: Containers,
  container: Container,
  asked: UpdateRequest,
): Promise<string[]> {
  checkResources(asked, true);
  const warnings = discardBlockWeight(asked);
  if (asked.RestartPolicy.Name !== "") checkRestartPolicy(asked.RestartPolicy, false);
  return container.enqueue(async () => {
    const { record } = container;
    if (container.isMarkedForRemoval) throw refusal(record.id, leaving);
    const next = mergeUpdate(record.id, record.hostConfig, asked);
    const limits = encodeUpdate(next);
    const isChanged = !isDeepStrictEqual(limits, encodeUpdate(record.hostConfig));
    if (asked.CpuShares < 0 && record.state.Running) {
      throw invalid(`Cannot update container ${record.id}: the maximum allowed cpu-shares is ${mostShares}`);
    }
    if (isChanged && record.state.Running && !record.state.Restarting) {
      await applyLimits(containers, container, limits);
    }
    containers.records.put(record.id, { ...record, hostConfig: next });
    Object.assign(record.hostConfig, next);
    publish(containers, container, "update");
    return warnings;
  });
}

const leaving = 'container is marked for removal and cannot be "update"';

const refusal = (id: string, reason: string) => conflict(`Cannot update container ${id}: ${reason}`);

/** @throws EngineError conflict where the new settings don't go with those that stay */
function mergeUpdate(id: string, current: HostConfig, asked: UpdateRequest): HostConfig {
  const refuse = (reason: string) => {
    throw refusal(id, reason);
  };
  const clash = (what: string, other: string) =>
    refuse(`Conflicting options: ${what} cannot be updated as ${other} has already been set`);
  if (asked.NanoCpus > 0 && current.CpuPeriod > 0) clash("Nano CPUs", "CPU Period");
  if (asked.NanoCpus > 0 && current.CpuQuota > 0) clash("Nano CPUs", "CPU Quota");
  if (asked.CpuPeriod > 0 && current.NanoCpus > 0) clash("CPU Period", "NanoCPUs");
  if (asked.CpuQuota > 0 && current.NanoCpus > 0) clash("CPU Quota", "NanoCPUs");
  if (asked.Memory !== 0 && asked.Memory > current.MemorySwap && asked.MemorySwap === 0) {
    refuse(
      "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
    );
  }
  const policy = asked.RestartPolicy;
  const isNone = policy.Name === "" || policy.Name === "no";
  if (current.AutoRemove && !isNone) {
    refuse("Restart policy cannot be updated because AutoRemove is enabled for the container");
  }
  const changes = Object.fromEntries(updatable.filter((key) => asked[key]).map((key) => [key, asked[key]]));
  return {
    ...current,
    ...changes,
    ...(asked.PidsLimit !== null && { PidsLimit: Math.max(0, asked.PidsLimit) }),
    ...(policy.Name !== "" && { RestartPolicy: policy }),
  };
}

async function applyLimits(containers: Containers, container: Container, limits: object): Promise<void> {
  const { id } = container.record;
  const file = join(containers.launcher.bundleOf(id), "resources.json");
  writeFileSync(file, JSON.stringify(limits), { mode: 0o600 });
  try {
    await containers.supervisor.call("runtime", {
      runtime: runtimeOf(containers, container),
      arguments: ["update", "--resources", file, id],
    });
  } catch (error) {
    throw invalid(
      `Cannot update container ${id}: ${error instanceof Error ? error.message : String(error)}`,
      error,
    );
  }
}
