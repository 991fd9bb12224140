import { invalid } from "../errors.ts";
import {
  formatContainerPort,
  listExposedPorts,
  type PortProtocol,
  parseContainerPort,
  parseHostPort,
} from "../formats/container-port.ts";
import type { PortMap } from "../formats/docker-api/docker-api.ts";
import { formatIpAddress, type IpAddress, parseIpAddress } from "../formats/ip-address.ts";

/** A port of this machine that leads to one of a container. */
export interface Publication {
  protocol: PortProtocol;
  /** 0.0.0.0 or :: for every address of this machine. */
  hostAddress: IpAddress;
  /** 0 where only the container's own address leads there. */
  hostPort: number;
  containerAddress: IpAddress;
  containerPort: number;
  /** The one container that it is open to, which is linked to this one; on networks whose containers cannot reach each other. */
  linkedAddress?: IpAddress;
}

/** What a container publishes, wherever its gateway is. */
export interface PortWishes {
  portBindings: PortMap;
  exposedPorts: string[];
  publishAll: boolean;
}

/** A publication as asked for: one of the ports from `firstPort` to `lastPort`, or any free one when both are 0. */
export interface WantedPort {
  protocol: PortProtocol;
  /** Undefined where the user leaves it open. */
  hostAddress: IpAddress | undefined;
  firstPort: number;
  lastPort: number;
  containerPort: number;
}

/** What a container's settings publish. `publishAll` gives every exposed port that has no binding a free host port. */
export function findWantedPorts(
  bindings: PortMap,
  exposedPorts: string[],
  publishAll: boolean,
): WantedPort[] {
  const wanted = Object.entries(bindings).flatMap(([key, list]) => {
    const { protocol, port: containerPort } = parseContainerPort(key);
    return (list ?? []).map((binding): WantedPort => {
      const { first, last } = parseHostPort(binding.HostPort ?? "");
      const hostAddress = parseHostAddress(binding.HostIp ?? "");
      return { protocol, hostAddress, firstPort: first, lastPort: last, containerPort };
    });
  });
  if (!publishAll) return wanted;
  const bound = new Set(wanted.map(({ protocol, containerPort }) => `${containerPort}/${protocol}`));
  const others = listExposedPorts(exposedPorts)
    .filter(({ protocol, port }) => !bound.has(`${port}/${protocol}`))
    .map(({ protocol, port }): WantedPort => {
      return { protocol, hostAddress: undefined, firstPort: 0, lastPort: 0, containerPort: port };
    });
  return [...wanted, ...others];
}

/** `NetworkSettings.Ports`: what was really bound, null for what is exposed only. */
export function formatPortMap(publications: readonly Publication[], exposedPorts: string[]): PortMap {
  const ports: PortMap = {};
  for (const port of listExposedPorts(exposedPorts)) ports[formatContainerPort(port)] = null;
  for (const { protocol, containerPort, hostAddress, hostPort } of publications) {
    const key = `${containerPort}/${protocol}`;
    const binding = {
      HostIp: formatIpAddress(hostAddress),
      HostPort: hostPort === 0 ? "" : String(hostPort),
    };
    // One on several networks where others reach it itself is shown once.
    const others = (ports[key] ?? []).filter(
      (one) => hostPort > 0 || one.HostPort || one.HostIp !== binding.HostIp,
    );
    ports[key] = [...others, binding];
  }
  return ports;
}

function parseHostAddress(text: string): IpAddress | undefined {
  if (text === "") return undefined;
  const address = parseIpAddress(text);
  if (!address) throw invalid(`invalid IP address: ${text}`);
  return address;
}
