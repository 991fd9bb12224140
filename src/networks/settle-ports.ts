import type { PortMap } from "../formats/docker-api/docker-api.ts";
import { formatIpAddress, type IpAddress } from "../formats/ip-address.ts";
import {
  findWantedPorts,
  formatPortMap,
  type PortWishes,
  type Publication,
  type WantedPort,
} from "./port-map.ts";
import { hasPlace, type Publishing, type PublishTargets, placePorts } from "./publish-targets.ts";
import type { PublishedPorts } from "./published-ports.ts";
import { canPublish, type OpenSandbox, targetsOf } from "./sandbox.ts";

/**
 * Has the ports of a running owner lead to where its gateways are now, on the ports of this machine that it had.
 * @param isLess it has lost a network, and with it perhaps the one that a port led to, which is not published then
 */
export async function settlePorts(
  { publishedPorts, publishing }: { publishedPorts: PublishedPorts; publishing: Publishing },
  sandbox: OpenSandbox,
  { id, ports }: { id: string; ports: PortWishes },
  isLess: boolean,
): Promise<void> {
  const targets = targetsOf(sandbox, publishing);
  const wanted = findWantedPorts(ports.portBindings, ports.exposedPorts, ports.publishAll).filter(
    (one) => !isLess || hasPlace(one, targets),
  );
  const isSame = publishedPorts.has(id) && areSamePlaces(wanted, targets, publishedPorts.listOf(id));
  if (isSame) {
    sandbox.ports = formatPortMap(await publishedPorts.move(id, targets), ports.exposedPorts);
    return;
  }
  await publishedPorts.unpublish(id);
  const published = await publishedPorts.publish(id, keepHostPorts(wanted, sandbox.ports), targets);
  sandbox.ports = canPublish(sandbox) ? formatPortMap(published, ports.exposedPorts) : {};
}

/** Whether what is published is all that is wanted, at the same addresses of this machine. */
function areSamePlaces(
  wanted: readonly WantedPort[],
  targets: PublishTargets,
  published: readonly Publication[],
): boolean {
  const place = (containerPort: number, protocol: string, address: IpAddress) =>
    `${containerPort}/${protocol} ${formatIpAddress(address)}`;
  const due = placePorts(wanted, targets).flatMap(({ places, containerPort, protocol }) =>
    places.map(({ hostAddress }) => place(containerPort, protocol, hostAddress)),
  );
  const had = published
    .filter(({ hostPort }) => hostPort > 0)
    .map(({ containerPort, protocol, hostAddress }) => place(containerPort, protocol, hostAddress));
  return due.sort().join() === had.sort().join();
}

/** A port that was free to choose stays what it was. */
function keepHostPorts(wanted: readonly WantedPort[], ports: PortMap): WantedPort[] {
  const keyOf = ({ containerPort, protocol }: WantedPort) => `${containerPort}/${protocol}`;
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
