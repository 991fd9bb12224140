import { conflict, EngineError, internal, invalid, messageOf } from "../../errors.ts";
import { parseContainerPort, parseHostPort } from "../../formats/container-port.ts";
import type { PortBinding, PortMap } from "../../formats/docker-api/docker-api.ts";
import type { PortsChangeRequest } from "../../formats/docker-api/docker-api-host-config.ts";
import { formatIpAddress, parseIpAddress } from "../../formats/ip-address.ts";
import { findWantedPorts, type Publication } from "../../networks/networks.ts";
import type { Container } from "../container.ts";
import { type Containers, publish } from "../containers.ts";
import { hasOwnSandbox, runningOwner } from "../sandbox.ts";

type HostPort = NonNullable<PortsChangeRequest["Unpublish"]>[number];

/** A binding that is to go: what the container says of it, and where it leads. */
interface Removed {
  /** "80/tcp" */
  key: string;
  binding: PortBinding;
  asked: HostPort;
}

/**
 * Changes what a container publishes: at once when it runs, and from its next start on. All of it, or nothing.
 * @throws EngineError invalid, conflict; internal "Bind for … failed: port is already allocated"
 */
export function changePorts(
  containers: Containers,
  container: Container,
  { Publish, Unpublish }: PortsChangeRequest,
): Promise<void> {
  const added = Publish ?? {};
  const wanted = findWantedPorts(added, [], false);
  return container.enqueue(async () => {
    const { record } = container;
    if (container.isMarkedForRemoval)
      throw conflict(`Cannot change the ports of container ${record.id}: container is marked for removal`);
    if (!hasOwnSandbox(record))
      throw conflict("port publishing needs a network namespace of the container's own");
    const bindings = record.hostConfig.PortBindings ?? {};
    const published = containers.networks.view(record.id)?.ports ?? {};
    const removed = (Unpublish ?? []).map((asked) => findBinding(record.name, bindings, published, asked));
    const next = merge(without(bindings, removed), added);
    const ExposedPorts = { ...record.config.ExposedPorts };
    for (const key of Object.keys(added)) ExposedPorts[key] = {};
    if (record.state.Pid > 0) {
      const isRemoved = (one: Publication) => removed.some((gone) => isOf(gone, one));
      const owner = runningOwner(container);
      owner.ports.exposedPorts = Object.keys(ExposedPorts);
      await containers.networks.changePorts(owner, { added: wanted, isRemoved }).catch((error: unknown) => {
        if (error instanceof EngineError) throw error;
        throw internal(messageOf(error), error);
      });
    }
    const hostConfig = { ...record.hostConfig, PortBindings: next };
    const config = { ...record.config, ExposedPorts };
    containers.records.put(record.id, { ...record, hostConfig, config });
    Object.assign(record, { hostConfig, config });
    publish(containers, container, "update");
  });
}

/** A port that was free to choose is known by what it has become. @throws EngineError invalid when it is not published */
function findBinding(name: string, bindings: PortMap, published: PortMap, asked: HostPort): Removed {
  const protocol = asked.Protocol || "tcp";
  const port = Number(asked.HostPort);
  for (const [key, list] of Object.entries(bindings)) {
    if (parseContainerPort(key).protocol !== protocol) continue;
    const isTaken = (published[key] ?? []).some(({ HostPort }) => Number(HostPort) === port);
    for (const binding of list ?? []) {
      const { first, last } = parseHostPort(binding.HostPort ?? "");
      const isIt = first === last && first > 0 ? first === port : isTaken;
      if (isIt && (!asked.HostIp || isSameIp(asked.HostIp, binding.HostIp))) return { key, binding, asked };
    }
  }
  const at = asked.HostIp ? `${asked.HostIp}:` : "";
  throw invalid(`port ${at}${asked.HostPort}/${protocol} is not published by container ${name}`);
}

/** Whether a port of this machine comes from that binding. */
function isOf(
  { key, binding, asked }: Removed,
  { containerPort, protocol, hostAddress, hostPort }: Publication,
): boolean {
  if (key !== `${containerPort}/${protocol}` || hostPort !== Number(asked.HostPort)) return false;
  return !binding.HostIp || isSameIp(binding.HostIp, formatIpAddress(hostAddress));
}

function isSameIp(one: string, other = ""): boolean {
  const [a, b] = [parseIpAddress(one), parseIpAddress(other)];
  return a !== undefined && b !== undefined && formatIpAddress(a) === formatIpAddress(b);
}

function without(bindings: PortMap, removed: readonly Removed[]): PortMap {
  const gone = new Set(removed.map(({ binding }) => binding));
  const left = Object.entries(bindings).map(
    ([key, list]) => [key, (list ?? []).filter((one) => !gone.has(one))] as const,
  );
  return Object.fromEntries(left.filter(([, list]) => list.length > 0));
}

function merge(bindings: PortMap, added: PortMap): PortMap {
  const merged: PortMap = { ...bindings };
  for (const [key, list] of Object.entries(added)) merged[key] = [...(merged[key] ?? []), ...(list ?? [])];
  return merged;
}
