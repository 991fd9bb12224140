import { isIP } from "node:net";
import { parseCsvLine } from "../../formats/csv.ts";
import type { EndpointSettings } from "../../formats/docker-api/docker-api.ts";

export interface NetworkFlags {
  network: NetworkAttachment[];
  net: NetworkAttachment[];
  "network-alias": string[];
  "net-alias": string[];
  ip: string;
  ip6: string;
  "link-local-ip": string[];
  link: string[];
  "mac-address": string;
}

export interface NetworkAttachment {
  name: string;
  endpoint: EndpointSettings;
}

type Endpoints = Record<string, EndpointSettings>;

const isUserDefined = (name: string) =>
  !["default", "bridge", "host", "none", ""].includes(name) && !name.startsWith("container:");

/** `--network` and its company: the mode is the first network, to which the plain flags (--ip, …) belong. */
export function parseNetworking(flags: NetworkFlags): { mode: string; endpoints: Endpoints } {
  const specs = [...flags.network, ...flags.net];
  const networks = specs.length > 0 ? specs : [{ name: "default", endpoint: {} }];
  const endpoints: Endpoints = {};
  for (const [index, { name, endpoint }] of networks.entries()) {
    if (Object.hasOwn(endpoints, name)) throw new Error(`network "${name}" is specified multiple times`);
    if (name === "") throw new Error("no name set for network");
    if (networks.length > 1 && !isUserDefined(name)) {
      throw new Error(
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
      );
    }
    // It joins another container's namespace: there is nothing to configure, as the daemon says of an address.
    if (!name.startsWith("container:") || flags.ip !== "")
      endpoints[name] = index === 0 ? applyFlags(name, endpoint, flags) : endpoint;
  }
  return { mode: networks[0]?.name ?? "default", endpoints };
}

function applyFlags(name: string, endpoint: EndpointSettings, flags: NetworkFlags): EndpointSettings {
  const aliases = [...flags["network-alias"], ...flags["net-alias"]];
  const refuse = (flag: string, what: string) => {
    throw new Error(`conflicting options: cannot specify both ${flag} and per-network ${what}`);
  };
  if ((aliases.length > 0 || endpoint.Aliases) && !isUserDefined(name)) {
    throw new Error("network-scoped aliases are only supported for user-defined networks");
  }
  if (aliases.length > 0 && endpoint.Aliases) refuse("--network-alias", "alias");
  if (flags.ip !== "" && endpoint.IPAMConfig?.IPv4Address) refuse("--ip", "IPv4 address");
  if (flags.ip6 !== "" && endpoint.IPAMConfig?.IPv6Address) refuse("--ip6", "IPv6 address");
  if (flags["mac-address"] !== "" && endpoint.MacAddress) refuse("--mac-address", "MAC address");
  if (flags["link-local-ip"].length > 0 && endpoint.IPAMConfig?.LinkLocalIPs) {
    refuse("--link-local-ip", "link-local IP addresses");
  }
  const ipam = {
    ...endpoint.IPAMConfig,
    ...(flags.ip !== "" && { IPv4Address: flags.ip }),
    ...(flags.ip6 !== "" && { IPv6Address: flags.ip6 }),
    ...(flags["link-local-ip"].length > 0 && { LinkLocalIPs: flags["link-local-ip"] }),
  };
  const mac = flags["mac-address"];
  if (mac !== "") checkMac(mac);
  return {
    ...endpoint,
    ...(Object.keys(ipam).length > 0 && { IPAMConfig: ipam }),
    ...(aliases.length > 0 && { Aliases: aliases }),
    ...(flags.link.length > 0 && isUserDefined(name) && { Links: flags.link }),
    ...(mac !== "" && { MacAddress: mac }),
  };
}

function checkMac(mac: string): void {
  if (!/^([0-9a-fA-F]{2})([:-][0-9a-fA-F]{2}){5}$/.test(mac.trim()))
    throw new Error(`${mac} is not a valid mac address`);
}

/** `NAME`, or `name=NAME,alias=a,ip=…,ip6=…,mac-address=…,link-local-ip=…,driver-opt=k=v,gw-priority=1`. */
export function parseNetwork(text: string): NetworkAttachment {
  if (!text.includes("=")) return { name: text, endpoint: {} };
  let name = "";
  const endpoint: EndpointSettings = {};
  for (const field of parseCsvLine(text)) {
    const at = field.indexOf("=");
    if (at === -1) throw new Error(`invalid field '${field}' must be a key=value pair`);
    const key = field.slice(0, at).trim().toLowerCase();
    const value = field.slice(at + 1).trim();
    if (key === "name") name = value;
    else applyField(endpoint, key, value);
  }
  if (name === "") throw new Error("network name/id is not specified");
  return { name, endpoint };
}

function applyField(endpoint: EndpointSettings, key: string, value: string): void {
  const ipam = endpoint.IPAMConfig ?? {};
  const address = (version: number) => {
    if (isIP(value) !== version) throw new Error(`invalid ip${version === 6 ? "6" : ""} address: ${value}`);
    return value;
  };
  switch (key) {
    case "alias":
      endpoint.Aliases = [...(endpoint.Aliases ?? []), value];
      return;
    case "ip":
      endpoint.IPAMConfig = { ...ipam, IPv4Address: address(4) };
      return;
    case "ip6":
      endpoint.IPAMConfig = { ...ipam, IPv6Address: address(6) };
      return;
    case "link-local-ip":
      endpoint.IPAMConfig = { ...ipam, LinkLocalIPs: [...(ipam.LinkLocalIPs ?? []), value] };
      return;
    case "mac-address":
      checkMac(value);
      endpoint.MacAddress = value;
      return;
    case "driver-opt": {
      const at = value.indexOf("=");
      if (at === -1) throw new Error(`invalid key value pair format in driver options`);
      endpoint.DriverOpts = {
        ...endpoint.DriverOpts,
        [value.slice(0, at).toLowerCase()]: value.slice(at + 1),
      };
      return;
    }
    case "gw-priority":
      if (!/^-?\d+$/.test(value)) throw new Error(`invalid gw-priority: ${value}`);
      endpoint.GwPriority = Number(value);
      return;
    default:
      throw new Error(`invalid field key ${key}`);
  }
}
