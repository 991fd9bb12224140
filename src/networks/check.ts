import { messageOf } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { findStrayBridges } from "./bridge.ts";
import type { Catalog } from "./catalog.ts";
import type { Firewall } from "./firewall.ts";
import type { Kernel } from "./kernel.ts";
import type { OpenSandbox } from "./sandbox.ts";
import type { Sandboxes } from "./sandboxes.ts";

interface Subject {
  tableName: string;
  catalog: Catalog;
  kernel: Kernel;
  firewall: Firewall;
  sandboxes: Sandboxes;
  /** Restores bridges, rules, leases and links to what the owners that live need. */
  repair(): Promise<void>;
}

/**
 * Compares bridges, links, leases and the nftables table with the networks and the sandboxes.
 * @param live ids of the owners that live
 */
export async function checkNetworks(subject: Subject, live: readonly string[]): Promise<Finding[]> {
  const { repair } = subject;
  const [bridges, interfaces, rules] = await Promise.all([
    checkBridges(subject),
    checkInterfaces(subject, live),
    checkTable(subject),
  ]);
  return [...bridges, ...interfaces, ...rules].map((finding) => ({ repair, ...finding }));
}

async function checkBridges({ tableName, catalog, kernel }: Subject): Promise<Finding[]> {
  const links = await kernel.listLinks();
  const names = new Set(links.map(({ name }) => name));
  const missing = catalog.bridges().filter(({ link }) => !names.has(link));
  return [
    ...missing.map(({ link }) => ({ subject: `bridge ${link}`, problem: "it is missing" })),
    ...findStrayBridges(links, catalog.bridges(), tableName).map((name) => ({
      subject: `bridge ${name}`,
      problem: "its network no longer exists",
    })),
  ];
}

async function checkInterfaces({ sandboxes }: Subject, live: readonly string[]): Promise<Finding[]> {
  const { open, links } = await sandboxes.survey();
  const running = new Set(live);
  const present = new Set(links.map(({ name }) => name));
  const endpoints = [...open.values()].flatMap((sandbox) => sandbox.endpoints);
  const wanted = new Set(endpoints.map(({ link }) => link));
  const coming = new Set(endpoints.flatMap(({ link, linkAlias }) => (link ? [] : linkAlias)));
  const subjectOf = (id: string) => `network of container ${id.slice(0, 12)}`;
  return [
    ...[...open.values()].flatMap((sandbox): Finding[] => {
      const subject = subjectOf(sandbox.owner.id);
      if (sandbox.isStarting || sandbox.isChanging) return [];
      if (!running.has(sandbox.owner.id))
        return [{ subject, problem: "open, but the container is not running" }];
      return missingLinks(sandbox, present).map((problem) => ({ subject, problem }));
    }),
    ...live
      .filter((id) => !open.has(id))
      .map((id) => ({ subject: subjectOf(id), problem: "its addresses are not leased" })),
    ...links
      .filter(({ name, alias }) => !wanted.has(name) && !coming.has(alias))
      .map(({ name }) => ({ subject: `link ${name}`, problem: "it belongs to no running container" })),
  ];
}

function missingLinks({ endpoints }: OpenSandbox, present: ReadonlySet<string>): string[] {
  return endpoints
    .filter(({ interfaceName, link }) => interfaceName !== "" && !(link && present.has(link)))
    .map(
      ({ interfaceName, link }) =>
        `${link ? `link ${link}` : `the link of ${interfaceName}`} is missing; restart the container`,
    );
}

async function checkTable({ firewall }: Subject): Promise<Finding[]> {
  try {
    return await firewall.compare();
  } catch (error) {
    return [{ subject: "packet filter", problem: `the nftables table cannot be read: ${messageOf(error)}` }];
  }
}
