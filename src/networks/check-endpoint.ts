import { forbidden, invalid } from "../errors.ts";
import type { EndpointSettings } from "../formats/docker-api/docker-api.ts";
import {
  doesContain,
  ipAddress,
  isAnyAddress,
  isLinkLocal,
  parseIpAddress,
  parseMacAddress,
} from "../formats/ip-address.ts";
import { readInterfaceSysctls } from "./endpoint-options.ts";
import { joinReasons } from "./join-reasons.ts";
import { isPredefined, type NetworkRecord, poolsOf } from "./records.ts";

/**
 * Refuses at creation what a container asks of its networks and cannot get, all of it at once. A network that is not there yet may
 * still be made before the start.
 * @throws EngineError invalid in Docker's words
 */
export function checkEndpoints(
  findNetwork: (nameOrId: string) => NetworkRecord | undefined,
  endpoints: Record<string, EndpointSettings>,
): void {
  const sorted = Object.entries(endpoints).sort(([a], [b]) => (a < b ? -1 : 1));
  const reasons = sorted.flatMap(([key, settings]) => {
    const name = key === "default" ? "bridge" : key;
    const reason = findReason(findNetwork(name), name, settings ?? {});
    return reason === undefined ? [] : `invalid config for network ${name}: ${reason}`;
  });
  if (reasons.length > 0) throw invalid(joinReasons(reasons));
}

/** The same at a start, for a network of this name. @throws EngineError invalid, forbidden */
export function checkEndpoint(network: NetworkRecord, name: string, settings: EndpointSettings): void {
  const reason = findReason(network, name, settings);
  if (reason !== undefined) throw invalid(reason);
  for (const text of settings.IPAMConfig?.LinkLocalIPs ?? [])
    if (!isLinkLocal(ipAddress(text))) throw invalid(`invalid link local IP address: ${text}`);
  if (network.isConfigOnly) throw forbidden("cannot create endpoint on configuration-only network");
}

function findReason(
  network: NetworkRecord | undefined,
  name: string,
  settings: EndpointSettings,
): string | undefined {
  const reasons = addressReasons(network, name, settings);
  if (reasons.length > 0) return `invalid endpoint settings:\n${joinReasons(reasons)}`;
  readInterfaceSysctls(settings);
  const { MacAddress } = settings;
  return MacAddress && !parseMacAddress(MacAddress) ? `invalid MAC address ${MacAddress}` : undefined;
}

/** As Docker has it, a network is the user's by the name that it is asked for by: the default one can be reached by its id. */
const isUsers = (name: string) => !isPredefined(name) && !/^container(:|$)/.test(name);

function addressReasons(
  network: NetworkRecord | undefined,
  name: string,
  { IPAMConfig, Aliases }: EndpointSettings,
): string[] {
  const { IPv4Address: ipv4 = "", IPv6Address: ipv6 = "", LinkLocalIPs } = IPAMConfig ?? {};
  const reasons: string[] = [];
  if ((ipv4 || ipv6) && !isUsers(name))
    reasons.push("user specified IP address is supported on user defined networks only");
  if (Aliases?.length && !isUsers(name))
    reasons.push("network-scoped alias is supported only for containers in user defined networks");
  const linkLocal = (LinkLocalIPs ?? []).filter((text) => !parseIpAddress(text));
  return [
    ...reasons,
    ...(ipv4 ? fixedReasons(network, ipv4, 4) : []),
    ...(ipv6 ? fixedReasons(network, ipv6, 6) : []),
    ...linkLocal.map((text) => `invalid link-local IP address: ${text}`),
  ];
}

function fixedReasons(network: NetworkRecord | undefined, fixed: string, family: 4 | 6): string[] {
  const given = parseIpAddress(fixed);
  const address = given?.family === family && !isAnyAddress(given) ? given : undefined;
  const reasons = address ? [] : [`invalid IPv${family} address: ${fixed}`];
  if (!network) return reasons;
  const chosen = network.ipam.filter(({ isAutomatic }) => !isAutomatic);
  const subnets = poolsOf({ ...network, ipam: chosen })
    .map(({ subnet }) => subnet)
    .filter((subnet) => subnet.address.family === family);
  if (subnets.length === 0)
    return [
      ...reasons,
      "user specified IP address is supported only when connecting to networks with user configured subnets",
    ];
  if (address && subnets.some((subnet) => doesContain(subnet, address))) return reasons;
  return [...reasons, `no configured subnet or ip-range contain the IP address ${fixed}`];
}
