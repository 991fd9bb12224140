import { messageOf } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { findStrayBridges } from "./bridges.ts";
import type { Catalog } from "./catalog.ts";
import type { Firewall } from "./firewall.ts";
import type { Kernel } from "./kernel.ts";
import type { PublishedPorts } from "./published-ports.ts";
import type { LiveContainer, Sandboxes } from "./sandboxes.ts";

interface Subject {
  tableName: string;
  catalog: Catalog;
  kernel: Kernel;
  firewall: Firewall;
  publishedPorts: PublishedPorts;
  sandboxes: Sandboxes;
  /** Makes bridges, rules, leases and links as they must be for the running containers. */
  repair(): Promise<void>;
}

/** Compares bridges, links, leases and the nftables table with the networks and the containers that run. */
export async function checkNetworks(subject: Subject, live: LiveContainer[]): Promise<Finding[]> {
  const { repair } = subject;
  const [bridges, interfaces, ports] = await Promise.all([
    checkBridges(subject),
    checkInterfaces(subject, live),
    checkPorts(subject),
  ]);
  return [...bridges, ...interfaces, ...ports].map((finding) => ({ repair, ...finding }));
}

async function checkBridges({ tableName, catalog, kernel }: Subject): Promise<Finding[]> {
  const links = await kernel.listLinks();
  const names = new Set(links.map(({ name }) => name));
  const missing = catalog.bridges().filter(({ link }) => !names.has(link));
  return [
    ...missing.map(({ link }) => ({ subject: `bridge ${link}`, problem: "it is missing" })),
    ...findStrayBridges(links, catalog.bridges(), tableName).map((name) => ({
      subject: `bridge ${name}`,
      problem: "its network is no more",
    })),
  ];
}

async function checkInterfaces({ sandboxes }: Subject, live: LiveContainer[]): Promise<Finding[]> {
  const { open, links } = await sandboxes.survey();
  const running = new Set(live.map(({ containerId }) => containerId));
  const present = new Set(links.map(({ name }) => name));
  const subjectOf = (id: string) => `network of container ${id.slice(0, 12)}`;
  return [
    ...[...open.values()].flatMap((sandbox): Finding[] => {
      const subject = subjectOf(sandbox.containerId);
      if (sandbox.isStarting) return [];
      if (!running.has(sandbox.containerId))
        return [{ subject, problem: "it is open, and the container does not run" }];
      const gone = sandbox.links.filter((name) => !present.has(name));
      return gone.map((name) => ({ subject, problem: `link ${name} is missing; restart the container` }));
    }),
    ...live.flatMap(({ containerId, endpoints }) => {
      if (open.has(containerId) || Object.keys(endpoints).length === 0) return [];
      return { subject: subjectOf(containerId), problem: "its addresses are not leased" };
    }),
    ...links.flatMap(({ name, alias }) => {
      if (open.get(alias)?.links.includes(name)) return [];
      return { subject: `link ${name}`, problem: "it belongs to no running container" };
    }),
  ];
}

async function checkPorts({ firewall, publishedPorts }: Subject): Promise<Finding[]> {
  const subject = "published ports";
  try {
    const differences = await firewall.compare(publishedPorts.all());
    return differences.map((problem) => ({ subject, problem }));
  } catch (error) {
    return [{ subject, problem: `the nftables table cannot be read: ${messageOf(error)}` }];
  }
}
