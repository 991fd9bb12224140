import type { Finding } from "../finding.ts";
import { isSameAddress } from "../formats/ip-address.ts";
import type { Link } from "../sys/link-message.ts";
import { findStrayBridges } from "./bridge.ts";
import type { Catalog } from "./catalog.ts";
import { forwardingPaths } from "./forwarding.ts";
import type { Kernel } from "./kernel.ts";
import { bridgeMark } from "./marks.ts";

export interface MachineNeeds {
  tableName: string;
  catalog: Catalog;
  kernel: Kernel;
  /** The engine answers for this machine's forwarding. */
  enablesForwarding: boolean;
}

interface MachineFinding extends Finding {
  /** Only the machine's administrator can put it right. */
  isForeign?: true;
}

/** What the networks need on this machine and do not find: links, addresses, forwarding. */
export async function checkMachine(needs: MachineNeeds): Promise<MachineFinding[]> {
  const links = await needs.kernel.listLinks();
  const [ofLinks, ofForwarding] = await Promise.all([
    checkLinks(needs, links),
    checkForwarding(needs, links),
  ]);
  const { catalog, tableName } = needs;
  const strays = findStrayBridges(links, catalog.bridges(), tableName).map((name) => ({
    subject: `bridge ${name}`,
    problem: "its network no longer exists",
  }));
  return [...ofLinks, ...ofForwarding, ...strays];
}

async function checkLinks(
  { catalog, kernel, tableName }: MachineNeeds,
  links: readonly Link[],
): Promise<MachineFinding[]> {
  const byName = new Map(links.map((link) => [link.name, link]));
  const addresses = (await kernel.listSubnets()).filter(({ kind }) => kind === "address");
  const bridges = catalog.bridges().flatMap(({ link, homes, isForeign }): Finding[] => {
    const subject = `bridge ${link}`;
    const present = byName.get(link);
    if (!present) return [{ subject, problem: "it is missing" }];
    if (!isForeign && present.alias !== bridgeMark(tableName))
      return [{ subject, problem: "another program has made it, or taken this engine's mark off it" }];
    const lacks = homes.some(
      ({ gateway }) =>
        gateway && !addresses.some((one) => one.link === link && isSameAddress(one.subnet.address, gateway)),
    );
    return [
      ...(present.isUp ? [] : [{ subject, problem: "it is down" }]),
      ...(lacks ? [{ subject, problem: "it lacks an address" }] : []),
    ];
  });
  const parents = catalog
    .list()
    .flatMap(({ uplink }) => (uplink && !byName.has(uplink.parent) ? uplink : []))
    .map(({ parent, made }): MachineFinding => {
      const finding = { subject: `parent link ${parent}`, problem: "it is missing" };
      return made ? finding : { ...finding, isForeign: true };
    });
  return [...bridges, ...parents];
}

async function checkForwarding(
  { catalog, kernel, enablesForwarding }: MachineNeeds,
  links: readonly Link[],
): Promise<Finding[]> {
  if (!enablesForwarding) return [];
  const present = new Set(links.map(({ name }) => name));
  const bridges = catalog.bridges().filter(({ link }) => present.has(link));
  const paths = [
    ...forwardingPaths(bridges).map(([, path]) => path),
    ...bridges.map(({ link }) => `net/ipv4/conf/${link}/forwarding`),
  ];
  const values = await kernel.readSysctls(paths);
  return paths
    .filter((_, number) => values[number] === "0")
    .map((path) => ({ subject: path.replaceAll("/", "."), problem: "it is off: packets are not forwarded" }));
}
