import { messageOf } from "../errors.ts";
import type { Finding } from "../finding.ts";
import { checkMachine, type MachineNeeds } from "./check-machine.ts";
import type { Firewall } from "./firewall.ts";
import type { Kernel } from "./kernel.ts";
import type { OpenSandbox } from "./sandbox.ts";
import type { Sandboxes } from "./sandboxes.ts";

interface Subject extends MachineNeeds {
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
  const [machine, interfaces, rules] = await Promise.all([
    checkMachine(subject),
    checkInterfaces(subject, live),
    checkTable(subject),
  ]);
  return [...machine, ...interfaces, ...rules].map((finding) => ({ repair, ...finding }));
}

async function checkInterfaces({ sandboxes, kernel }: Subject, live: readonly string[]): Promise<Finding[]> {
  const { open, links } = await sandboxes.survey();
  const running = new Set(live);
  const present = new Set(links.filter(({ isAttached }) => isAttached).map(({ name }) => name));
  const endpoints = [...open.values()].flatMap((sandbox) => sandbox.endpoints);
  const wanted = new Set(endpoints.map(({ link }) => link));
  const coming = new Set(endpoints.flatMap(({ link, linkAlias }) => (link ? [] : linkAlias)));
  const settled = [...open.values()].filter(({ isStarting, isChanging }) => !isStarting && !isChanging);
  const lost = await Promise.all(settled.map((sandbox) => lostInside(kernel, sandbox)));
  const subjectOf = (id: string) => `network of container ${id.slice(0, 12)}`;
  return [
    ...settled.flatMap((sandbox, number): Finding[] => {
      const subject = subjectOf(sandbox.owner.id);
      if (!running.has(sandbox.owner.id))
        return [{ subject, problem: "open, but the container is not running" }];
      const problems = [...missingLinks(sandbox, present), ...(lost[number] ?? [])];
      return problems.map((problem) => ({ subject, problem }));
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
    .filter(({ network, link }) => network.bridge && !(link && present.has(link)))
    .map(
      ({ interfaceName, link }) =>
        `${link ? `link ${link}` : `the link of ${interfaceName}`} is missing; restart the container`,
    );
}

/** Interfaces that went with their parent link, of which nothing is to be seen from outside. */
async function lostInside(kernel: Kernel, { endpoints, process }: OpenSandbox): Promise<string[]> {
  if (!process) return [];
  const names = endpoints.flatMap(({ network, interfaceName }) => (network.uplink ? interfaceName : []));
  const found = await Promise.all(
    // One that has just ended lacks nothing.
    names.map((name) => kernel.hasInside({ process, name }).catch(() => true)),
  );
  return names
    .filter((_, number) => !found[number])
    .map((name) => `${name} went with its parent link; restart the container`);
}

async function checkTable({ firewall }: Subject): Promise<Finding[]> {
  try {
    return await firewall.compare();
  } catch (error) {
    return [{ subject: "packet filter", problem: `the nftables table cannot be read: ${messageOf(error)}` }];
  }
}
