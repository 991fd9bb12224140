import { isIP } from "node:net";
import { internal } from "../errors.ts";
import type { DnsSettings } from "../launch/resolv-conf.ts";
import type { ContainerRecord } from "./container.ts";
import type { Containers } from "./containers.ts";

/** What a container says about names, and what the engine says for those that say nothing. @throws EngineError internal in Docker's words */
export function dnsOf({ settings }: Containers, { hostConfig }: ContainerRecord): DnsSettings {
  const { Dns, DnsSearch, DnsOptions } = hostConfig;
  const or = (own: string[] | null | undefined, given: string[]) => (own?.length ? own : given);
  for (const server of Dns ?? [])
    if (!isIP(server))
      throw internal(
        `bad nameserver address ${server}: ParseAddr(${JSON.stringify(server)}): unable to parse IP`,
      );
  return {
    servers: or(Dns, settings.dns.servers),
    search: or(DnsSearch, settings.dns.search),
    options: or(DnsOptions, settings.dns.options),
  };
}
