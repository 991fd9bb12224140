import { isIP } from "node:net";
import { invalid } from "../errors.ts";
import type { DnsSettings } from "../launch/resolv-conf.ts";

/** As `table` in flag-table.ts. Docker's key for the last kind is `dns-opts`. */
export const dnsTable = [
  ["default-bridge-names", "boolean", "", "Containers of the default bridge find each other by name, too"],
  ["dns", "list", "", "Name server of containers that have none of their own"],
  ["dns-opt", "list", "", "Resolver option of containers that have none of their own"],
  ["dns-search", "list", "", "Search domain of containers that have none of their own"],
] as const;

/** @throws EngineError invalid */
export function readDnsSettings(list: (name: string) => string[]): DnsSettings {
  const servers = list("dns");
  for (const server of servers) if (!isIP(server)) throw invalid(`${server} is not an ip address`);
  const options = list("dns-opt");
  return { servers, search: list("dns-search"), options };
}
