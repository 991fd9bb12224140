import { notImplemented } from "../errors.ts";
import type { PortProtocol } from "../formats/container-port.ts";
import type { PortMap } from "../formats/docker-api/docker-api.ts";
import { anyAddress, formatIpAddress, type IpAddress, isAnyAddress } from "../formats/ip-address.ts";
import { bridgeOf } from "./bridge.ts";
import type { GatewayMode } from "./bridge-options.ts";
import { addressIn, type Endpoint } from "./endpoint.ts";
import { findWantedPorts, type Publication, type WantedPort } from "./port-map.ts";

/** Where the ports of a sandbox lead. */
export interface PublishTargets {
  /** The address that ports of this machine lead to, by family. */
  nat: { readonly 4?: IpAddress; readonly 6?: IpAddress };
  /** Addresses on networks where other hosts reach the container itself. */
  routed: readonly IpAddress[];
  /** Where ports are published for which no address is given; undefined for everywhere. */
  hostBinding: IpAddress | undefined;
  /** IPv6 addresses of this machine can lead to a container that has none, by the relay. */
  canRelay: boolean;
}

/** What an engine says of all its published ports. */
export interface Publishing {
  /** Where ports are published when neither the user nor the network says it; undefined for everywhere. */
  publishAddress: IpAddress | undefined;
  canRelay(): boolean;
}

/** The address that a port leads to at addresses of a family of this machine. */
export function leadsTo(
  { nat, canRelay }: Pick<PublishTargets, "nat" | "canRelay">,
  family: 4 | 6,
  protocol: PortProtocol,
): IpAddress | undefined {
  return nat[family] ?? (family === 6 && canRelay && protocol !== "sctp" ? nat[4] : undefined);
}

/** A wish with the addresses that it comes to: the same port of this machine on each. */
export interface PortGroup extends Omit<WantedPort, "hostAddress"> {
  places: readonly { hostAddress: IpAddress; containerAddress: IpAddress }[];
}

const families = [4, 6] as const;

/** @param gatewayOf the endpoint that the default route of a family goes through */
export function findTargets(
  endpoints: readonly Endpoint[],
  gatewayOf: (family: 4 | 6) => Endpoint | undefined,
  { publishAddress, canRelay }: Publishing,
): PublishTargets {
  const leased = endpoints.filter(({ isLeased }) => isLeased);
  const modeOf = ({ network }: Endpoint, family: 4 | 6): GatewayMode =>
    bridgeOf(network)?.modes[family] ?? "isolated";
  const nat: { 4?: IpAddress; 6?: IpAddress } = {};
  let hostBinding: IpAddress | undefined;
  for (const family of families) {
    const gateway = gatewayOf(family);
    const address = gateway && leased.includes(gateway) && addressIn(gateway, family)?.address;
    if (!address || !modeOf(gateway, family).startsWith("nat")) continue;
    nat[family] = address;
    hostBinding ??= ownBinding(gateway);
  }
  const routed = leased.flatMap((endpoint) =>
    families.flatMap((family) => {
      const isRouted = !endpoint.network.isInternal && modeOf(endpoint, family) === "routed";
      return (isRouted && addressIn(endpoint, family)?.address) || [];
    }),
  );
  return { nat, routed, hostBinding: hostBinding ?? publishAddress, canRelay: canRelay() };
}

function ownBinding({ network }: Endpoint): IpAddress | undefined {
  const binding = bridgeOf(network)?.hostBinding;
  return binding && !isAnyAddress(binding) ? binding : undefined;
}

/** Whether a port can be published where it is wanted. */
export function hasPlace({ hostAddress, protocol }: WantedPort, targets: PublishTargets): boolean {
  const address = hostAddress ?? targets.hostBinding;
  return !address || leadsTo(targets, address.family, protocol) !== undefined;
}

/** @throws notImplemented for an address of a family that the container has not */
export function placePorts(wanted: readonly WantedPort[], targets: PublishTargets): PortGroup[] {
  if (!targets.nat[4] && !targets.nat[6]) return [];
  return wanted.map(({ hostAddress, ...rest }) => {
    const address = hostAddress ?? targets.hostBinding;
    const hosts = address ? [address] : families.map(anyAddress);
    const places = hosts.flatMap((host) => {
      const containerAddress = leadsTo(targets, host.family, rest.protocol);
      return containerAddress ? [{ hostAddress: host, containerAddress }] : [];
    });
    if (address && places.length === 0)
      throw notImplemented(
        `publishing ${rest.protocol} at an address of a family that the container has not is not supported: ${formatIpAddress(address)}`,
      );
    return { ...rest, places };
  });
}

/** The ports that others reach at the container's own addresses on routed networks. */
export function routePorts(
  wanted: readonly Pick<WantedPort, "protocol" | "containerPort">[],
  { routed }: PublishTargets,
): Publication[] {
  const distinct = new Map(wanted.map((one) => [`${one.containerPort}/${one.protocol}`, one]));
  return [...distinct.values()].flatMap(({ protocol, containerPort }) =>
    routed.map((containerAddress) => ({
      ...{ protocol, containerAddress, containerPort, hostPort: 0 },
      hostAddress: anyAddress(containerAddress.family),
    })),
  );
}

/** The publications of a `NetworkSettings.Ports`, with those at the container's own addresses. */
export function parsePublications(ports: PortMap, targets: PublishTargets): Publication[] {
  const wanted = findWantedPorts(ports, [], false);
  const natted = wanted.flatMap(({ protocol, hostAddress, firstPort: hostPort, containerPort }) => {
    const containerAddress = hostAddress && leadsTo(targets, hostAddress.family, protocol);
    if (!containerAddress || hostPort === 0) return [];
    return [{ protocol, hostAddress, hostPort, containerAddress, containerPort }];
  });
  return [...natted, ...routePorts(wanted, targets)];
}
