import { findModeContainer } from "../formats/namespace-mode.ts";
import type { RunningOwner, SandboxView } from "../networks/networks.ts";
import type { Container, ContainerRecord } from "./container.ts";
import type { Containers } from "./containers.ts";

/** Whether a container has a network namespace of its own: not one that shares the machine's, or another container's. */
export function hasOwnSandbox({ hostConfig: { NetworkMode } }: ContainerRecord): boolean {
  return NetworkMode !== "host" && findModeContainer(NetworkMode) === undefined;
}

/** Whether a container switches IPv6 off for itself. */
export function refusesIpv6({ hostConfig: { Sysctls } }: ContainerRecord): boolean {
  return Sysctls?.["net.ipv6.conf.all.disable_ipv6"] === "1";
}

/** What a container has of the networks while it runs. */
export function sandboxOf(containers: Containers, { record }: Container): SandboxView | undefined {
  const { Running, Pid } = record.state;
  return Running && Pid > 0 ? containers.networks.view(record.id) : undefined;
}

/** The first process of a container that runs. */
export function findProcess({ byId }: Containers, id: string): RunningOwner["process"] | undefined {
  const record = byId.get(id)?.record;
  return record && record.state.Pid > 0
    ? { pid: record.state.Pid, startTicks: record.startTicks }
    : undefined;
}

/** A container that runs, as the networks need to know it. */
export function runningOwner({ record }: Container): RunningOwner {
  const { id, name, config, hostConfig, state, startTicks } = record;
  return {
    id,
    name,
    hostname: config.Hostname,
    process: { pid: state.Pid, startTicks },
    ports: {
      portBindings: hostConfig.PortBindings ?? {},
      exposedPorts: Object.keys(config.ExposedPorts ?? {}),
      publishAll: hostConfig.PublishAllPorts,
    },
    refusesIpv6: refusesIpv6(record),
  };
}

/** Ids of those that run with a sandbox of their own. */
export function sandboxOwners(containers: Containers): string[] {
  return [...containers.byId.values()]
    .filter(({ record }) => record.state.Pid > 0 && hasOwnSandbox(record))
    .map(({ record }) => record.id);
}
