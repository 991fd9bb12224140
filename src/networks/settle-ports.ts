import type { PortMap } from "../formats/docker-api/docker-api.ts";
import { formatIpAddress } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import {
  findWantedPorts,
  formatPortMap,
  type PortWishes,
  type Publication,
  type WantedPort,
} from "./port-map.ts";
import { hasPlace, type Publishing, type PublishTargets, placePorts } from "./publish-targets.ts";
import type { PortsChange, PublishedPorts } from "./published-ports.ts";
import { canPublish, type OpenSandbox, targetsOf } from "./sandbox.ts";

/**
 * Has the ports of a running owner lead to where its gateways are now, on the ports of this machine that it had. What does not change
 * stays published meanwhile. One that cannot be had, such as one that another process has taken, costs none of the others.
 * @param isLess it has lost a network, and with it perhaps the one that a port led to, which is not published then
 * @throws internal where nothing was published and not all that is wanted can be
 */
export async function settlePorts(
  { publishedPorts, publishing, logger }: PortServices,
  sandbox: OpenSandbox,
  { id, ports }: { id: string; ports: PortWishes },
  isLess: boolean,
): Promise<void> {
  const targets = targetsOf(sandbox, publishing);
  const wanted = findWantedPorts(ports.portBindings, ports.exposedPorts, ports.publishAll).filter(
    (one) => !isLess || hasPlace(one, targets),
  );
  const had = publishedPorts.listOf(id).filter(({ hostPort }) => hostPort > 0);
  const settled = keepHostPorts(wanted, sandbox.ports);
  if (!publishedPorts.has(id)) await publishedPorts.publish(id, settled, targets);
  else {
    const { added, isRemoved } = changeOf(settled, targets, had);
    const change = (those: PortsChange) => publishedPorts.change(id, those, targets);
    const keys = new Set([...added, ...had.filter(isRemoved)].map(keyOf));
    const all = { added, isRemoved };
    if (keys.size > 0) await change(all).catch((error: unknown) => changeEach(error));
    // One that another process has taken, say, is given up alone.
    async function changeEach(reason: unknown): Promise<void> {
      if (had.length === 0) throw reason;
      for (const key of keys.size > 1 ? keys : []) await change(changeOfPort(all, key)).catch(() => {});
      logger.warn({ error: reason, ownerId: id }, "not all published ports can be had: the others stay");
    }
    await publishedPorts.move(id, targets);
  }
  const published = publishedPorts.listOf(id);
  sandbox.ports = canPublish(sandbox) ? formatPortMap(published, ports.exposedPorts) : {};
}

const changeOfPort = ({ added, isRemoved }: PortsChange, key: string): PortsChange => ({
  added: added.filter((one) => keyOf(one) === key),
  isRemoved: (one) => keyOf(one) === key && isRemoved(one),
});

interface PortServices {
  publishedPorts: PublishedPorts;
  publishing: Publishing;
  logger: Logger;
}

/** What differs from what is published: a port of the container stays where it is at the same addresses of this machine. */
function changeOf(
  wanted: readonly WantedPort[],
  targets: PublishTargets,
  had: readonly Publication[],
): PortsChange {
  const due = addressesByPort(
    placePorts(wanted, targets).flatMap(({ places, ...group }) =>
      places.map(({ hostAddress }) => ({ ...group, hostAddress })),
    ),
  );
  const there = addressesByPort(had);
  const isSame = (port: ContainerPort) => due.get(keyOf(port)) === there.get(keyOf(port));
  return {
    added: wanted.filter((one) => !isSame(one)),
    isRemoved: (one) => one.hostPort > 0 && !isSame(one),
  };
}

type ContainerPort = Pick<Publication, "containerPort" | "protocol">;

const keyOf = ({ containerPort, protocol }: ContainerPort) => `${containerPort}/${protocol}`;

/** By each port of the container, the addresses of this machine as text that can be compared. */
function addressesByPort(
  places: readonly (ContainerPort & Pick<Publication, "hostAddress">)[],
): Map<string, string> {
  const lists = new Map<string, string[]>();
  for (const place of places) {
    const list = lists.get(keyOf(place)) ?? [];
    lists.set(keyOf(place), list);
    list.push(formatIpAddress(place.hostAddress));
  }
  return new Map([...lists].map(([key, list]) => [key, list.sort().join()]));
}

/** A port that was free to choose stays what it was. */
function keepHostPorts(wanted: readonly WantedPort[], ports: PortMap): WantedPort[] {
  const isFixed = ({ firstPort, lastPort }: WantedPort) => firstPort === lastPort && firstPort > 0;
  const used = new Set(wanted.filter(isFixed).map((one) => `${keyOf(one)} ${one.firstPort}`));
  return wanted.map((one) => {
    if (isFixed(one)) return one;
    const key = keyOf(one);
    const had = ports[key]?.find(({ HostPort }) => HostPort && !used.has(`${key} ${HostPort}`))?.HostPort;
    if (!had) return one;
    used.add(`${key} ${had}`);
    return { ...one, firstPort: Number(had), lastPort: Number(had) };
  });
}
