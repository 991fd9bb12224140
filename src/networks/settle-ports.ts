import type { PortMap } from "../formats/docker-api/docker-api.ts";
import { findWantedPorts, formatPortMap, type PortWishes, type WantedPort } from "./port-map.ts";
import { hasPlace, leadsTo, type Publishing } from "./publish-targets.ts";
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
  const hasFamilies = ([4, 6] as const).map((family) => leadsTo(targets, family, "tcp") !== undefined);
  const hadFamilies = (["0.0.0.0", "::"] as const).map((any) => isPublishedIn(sandbox.ports, any));
  const isSame = publishedPorts.has(id) && hasFamilies.join() === hadFamilies.join();
  if (isSame) {
    sandbox.ports = formatPortMap(await publishedPorts.move(id, targets), ports.exposedPorts);
    return;
  }
  await publishedPorts.unpublish(id);
  const wanted = findWantedPorts(ports.portBindings, ports.exposedPorts, ports.publishAll).filter(
    (one) => !isLess || hasPlace(one, targets),
  );
  const published = await publishedPorts.publish(id, keepHostPorts(wanted, sandbox.ports), targets);
  sandbox.ports = canPublish(sandbox) ? formatPortMap(published, ports.exposedPorts) : {};
}

/** Whether any port of this machine leads there in a family. */
function isPublishedIn(ports: PortMap, any: "0.0.0.0" | "::"): boolean {
  return Object.values(ports).some((bindings) =>
    bindings?.some(({ HostIp = "", HostPort }) => HostPort && HostIp.includes(":") === any.includes(":")),
  );
}

/** A port that was free to choose stays what it was. */
function keepHostPorts(wanted: readonly WantedPort[], ports: PortMap): WantedPort[] {
  const used = new Set<string>();
  return wanted.map((one) => {
    const key = `${one.containerPort}/${one.protocol}`;
    const had = ports[key]?.find(({ HostPort }) => HostPort && !used.has(`${key} ${HostPort}`))?.HostPort;
    if (!had || (one.firstPort === one.lastPort && one.firstPort > 0)) return one;
    used.add(`${key} ${had}`);
    return { ...one, firstPort: Number(had), lastPort: Number(had) };
  });
}
