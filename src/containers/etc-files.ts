import { join } from "node:path";
import type { EndpointSettings } from "../formats/docker-api/docker-api.ts";
import { findModeContainer } from "../formats/namespace-mode.ts";
import { type EtcFiles, writeEtcFiles } from "../launch/etc-files.ts";
import type { ResolvConfInput } from "../launch/resolv-conf.ts";
import type { SandboxView } from "../networks/networks.ts";
import type { Container, ContainerRecord } from "./container.ts";
import { type Containers, findContainer, folderOf, getContainer } from "./containers.ts";
import { dnsOf } from "./dns.ts";
import { refusesIpv6 } from "./sandbox.ts";

/** Paths of the files that are made for each container. */
export function etcFilesOf(containers: Containers, id: string): EtcFiles {
  const folder = folderOf(containers, id);
  return {
    hostname: join(folder, "hostname"),
    hosts: join(folder, "hosts"),
    resolvConf: join(folder, "resolv.conf"),
  };
}

/** Those that a container sees: another's, when it shares that one's network. Undefined when the other is gone. */
export function findEtcFiles(containers: Containers, { id, hostConfig: { NetworkMode } }: ContainerRecord) {
  const shared = findModeContainer(NetworkMode);
  if (shared === undefined) return etcFilesOf(containers, id);
  const owner = findContainer(containers, shared);
  return owner && etcFilesOf(containers, owner.record.id);
}

/**
 * Writes /etc/hostname, /etc/hosts and /etc/resolv.conf of a container, unless it sees another's.
 * @param others lines of /etc/hosts for other containers
 * @returns those it sees. @throws EngineError notFound, invalid
 */
export function prepareEtcFiles(
  containers: Containers,
  { record }: Container,
  sandbox: Pick<SandboxView, "endpoints" | "hasResolver"> | undefined,
  others: string[],
): EtcFiles {
  const { config, hostConfig } = record;
  const { endpoints = {} } = sandbox ?? {};
  const { NetworkMode: mode } = hostConfig;
  const shared = findModeContainer(mode);
  if (shared !== undefined) return etcFilesOf(containers, getContainer(containers, shared).record.id);
  const files = etcFilesOf(containers, record.id);
  writeEtcFiles(files, {
    hostname: config.Hostname,
    domainname: config.Domainname,
    usesHostNetwork: mode === "host",
    addresses: Object.values(endpoints).flatMap(addressesIn),
    hasIpv6: !refusesIpv6(record),
    extraHosts: hostConfig.ExtraHosts ?? [],
    others,
    hostGateways: hostGateways(containers),
    resolvConf: describeResolvConf(containers, record, sandbox),
  });
  return files;
}

export function describeResolvConf(
  containers: Containers,
  record: ContainerRecord,
  sandbox: Pick<SandboxView, "endpoints" | "hasResolver"> | undefined,
): ResolvConfInput {
  const mode = record.hostConfig.NetworkMode;
  const asks =
    mode === "host" ? "host" : sandbox?.hasResolver ? "resolver" : mode === "none" ? "none" : "outside";
  const { endpoints = {} } = sandbox ?? {};
  return {
    asks,
    dns: dnsOf(containers, record),
    hasIpv6: Object.values(endpoints).some(({ GlobalIPv6Address }) => GlobalIPv6Address),
  };
}

/** Of each family that it has. */
export function addressesIn({ IPAddress, GlobalIPv6Address }: EndpointSettings): string[] {
  return [IPAddress, GlobalIPv6Address].flatMap((address) => address || []);
}

function hostGateways({ networks }: Containers): string[] {
  const gateways = networks.hostGateways();
  return gateways.length > 0 ? gateways : ["127.0.0.1"];
}
