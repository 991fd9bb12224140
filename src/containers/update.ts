import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { invalid } from "../errors.ts";
import { completeHostConfig } from "../formats/container-config.ts";
import type { HostConfig } from "../formats/docker-api.ts";
import { checkRestartPolicy } from "../formats/restart-policy.ts";
import { checkResources, encodeResources } from "../runtime/resources.ts";
import type { Container } from "./container.ts";
import { type Containers, publish } from "./containers.ts";
import { bundleOf, runtimeOf } from "./runtime-files.ts";

const updatable = [
  ...["CpuShares", "Memory", "NanoCpus", "BlkioWeight", "CpuPeriod", "CpuQuota", "CpuRealtimePeriod"],
  ...["CpuRealtimeRuntime", "CpusetCpus", "CpusetMems", "MemoryReservation", "MemorySwap", "PidsLimit"],
] as const satisfies (keyof HostConfig)[];

/** Changes limits and restart policy, of a running container at once. @throws EngineError invalid; internal when it cannot be stored */
export function updateContainer(
  containers: Containers,
  container: Container,
  request: object,
): Promise<void> {
  const asked = completeHostConfig(request);
  return container.enqueue(async () => {
    const { record } = container;
    const changes = Object.fromEntries(updatable.filter((key) => asked[key]).map((key) => [key, asked[key]]));
    const next: HostConfig = { ...record.hostConfig, ...changes };
    if ("RestartPolicy" in request) next.RestartPolicy = asked.RestartPolicy;
    if (asked.NanoCpus > 0) Object.assign(next, { CpuPeriod: 0, CpuQuota: 0 });
    else if (asked.CpuPeriod > 0 || asked.CpuQuota > 0) next.NanoCpus = 0;
    checkResources(next);
    checkRestartPolicy(next.RestartPolicy, next.AutoRemove);
    if (record.state.Running && !record.state.Restarting && Object.keys(changes).length > 0) {
      await applyLimits(containers, container, next);
    }
    containers.records.put(record.id, { ...record, hostConfig: next });
    Object.assign(record.hostConfig, next);
    publish(containers, container, "update");
  });
}

async function applyLimits(containers: Containers, container: Container, next: HostConfig): Promise<void> {
  const { id } = container.record;
  const file = join(bundleOf(containers, id), "resources.json");
  writeFileSync(file, JSON.stringify(encodeResources(next)), { mode: 0o600 });
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
