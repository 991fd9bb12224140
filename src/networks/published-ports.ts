import { internal, messageOf } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { createQueue } from "../sys/queue.ts";
import type { Firewall } from "./firewall.ts";
import type { Publication, WantedPort } from "./port-map.ts";
import { isRelayed, type PortRelays } from "./port-relays.ts";
import type { PortReservations } from "./ports.ts";
import { leadsTo, type PublishTargets, placePorts, routePorts } from "./publish-targets.ts";

/** Ports that are taken on this machine and lead to a container, in both places: socket and map element. */
export interface PublishedPorts {
  /** @throws internal "Bind for … failed: port is already allocated"; nothing is published then. */
  publish(ownerId: string, wanted: readonly WantedPort[], targets: PublishTargets): Promise<Publication[]>;
  /** Publishes some more and takes others away: all of it, or nothing. @throws as `publish` */
  change(ownerId: string, change: PortsChange, targets: PublishTargets): Promise<Publication[]>;
  unpublish(ownerId: string): Promise<void>;
  has(ownerId: string): boolean;
  /** Has the same ports lead elsewhere. They stay taken meanwhile. */
  move(ownerId: string, targets: PublishTargets): Promise<Publication[]>;
  /**
   * Makes the published ports exactly these and those of the containers that are starting, in one step, whatever the table
   * held before.
   */
  adopt(
    publications: Map<string, Publication[]>,
    flows: readonly Publication[],
    starting: Set<string>,
  ): Promise<void>;
  /** Makes the ports that linked containers reach each other at exactly these. */
  link(flows: readonly Publication[]): Promise<void>;
  /** Has a relay that has come in the place of another carry what it is to. */
  relayAgain(): Promise<void>;
  /** Lets go of the sockets; the rules stay. */
  stop(): Promise<void>;
}

export interface PortsChange {
  added: readonly WantedPort[];
  isRemoved(publication: Publication): boolean;
}

interface PublishedPortsOptions {
  firewall: Firewall;
  reservations: PortReservations;
  relays: PortRelays;
  logger: Logger;
}

export function createPublishedPorts(options: PublishedPortsOptions): PublishedPorts {
  const { firewall, reservations, relays, logger } = options;
  const byOwner = new Map<string, Publication[]>();
  let linked: readonly Publication[] = [];
  const linkInTurn = createQueue();

  async function forget(ownerId: string): Promise<void> {
    const publications = byOwner.get(ownerId) ?? [];
    byOwner.delete(ownerId);
    await reservations.release(publications);
  }

  return {
    async publish(ownerId, wanted, targets) {
      const publications = [
        ...(await reservations.take(placePorts(wanted, targets))),
        ...routePorts(wanted, targets),
      ];
      if (publications.length === 0) return [];
      byOwner.set(ownerId, publications);
      try {
        await firewall.add(publications);
      } catch (error) {
        await forget(ownerId);
        throw internal(messageOf(error), error);
      }
      // No start waits for the process.
      void relays.put(ownerId, publications);
      return publications;
    },
    async change(ownerId, change, targets) {
      const before = byOwner.get(ownerId) ?? [];
      const after = await exchange(options, ownerId, before, change, targets);
      byOwner.set(ownerId, after);
      return after;
    },
    async unpublish(ownerId) {
      const publications = byOwner.get(ownerId);
      if (!publications) return;
      byOwner.delete(ownerId);
      try {
        await Promise.all([firewall.remove(publications), relays.put(ownerId, [])]);
      } finally {
        await reservations.release(publications);
      }
    },
    has: (ownerId) => byOwner.has(ownerId),
    async move(ownerId, targets) {
      const before = byOwner.get(ownerId) ?? [];
      const after = lead(before, targets);
      byOwner.set(ownerId, after);
      await firewall.remove(before);
      await firewall.add(after);
      void relays.put(ownerId, after);
      return after;
    },
    link: (flows) =>
      linkInTurn(async () => {
        linked = await exchangeFlows(firewall, linked, flows);
      }),
    async adopt(publications, flows, starting) {
      for (const ownerId of [...byOwner.keys()]) {
        if (!starting.has(ownerId)) await forget(ownerId);
      }
      for (const [ownerId, list] of publications) {
        byOwner.set(ownerId, list);
        const lost = list.filter((publication) => !retake(reservations, relays, publication));
        if (lost.length > 0) logger.warn({ ownerId, lost }, "published ports are in use by another process");
      }
      await linkInTurn(async () => {
        linked = flows;
        await firewall.replace([...byOwner.values(), linked].flat());
      });
    },
    relayAgain: () => relays.sync(byOwner),
    async stop() {
      for (const ownerId of [...byOwner.keys()]) await forget(ownerId);
    },
  };
}

/** @returns what is published then */
async function exchange(
  { reservations, firewall, relays, logger }: PublishedPortsOptions,
  ownerId: string,
  before: readonly Publication[],
  { added, isRemoved }: PortsChange,
  targets: PublishTargets,
): Promise<Publication[]> {
  const removed = before.filter(isRemoved);
  const rest = before.filter((one) => !isRemoved(one));
  // First, since one port may take the place of another.
  await relays.put(ownerId, rest);
  await reservations.release(removed);
  let taken: Publication[] = [];
  try {
    taken = [...(await reservations.take(placePorts(added, targets))), ...routePorts(added, targets)];
    await firewall.remove(removed);
    await firewall.add(taken);
  } catch (error) {
    await reservations.release(taken);
    const back = removed.filter((one) => retake(reservations, relays, one));
    const lost = removed.filter((one) => !back.includes(one));
    if (lost.length > 0) logger.warn({ ownerId, lost }, "published ports are in use by another process");
    await firewall.add(back);
    void relays.put(ownerId, [...rest, ...back]);
    throw error;
  }
  void relays.put(ownerId, [...rest, ...taken]);
  return [...rest, ...taken];
}

/** The same ports of this machine, to where they lead now. */
function lead(publications: readonly Publication[], targets: PublishTargets): Publication[] {
  const natted = publications.flatMap((one) => {
    const containerAddress = leadsTo(targets, one.hostAddress.family, one.protocol);
    return one.hostPort > 0 && containerAddress ? [{ ...one, containerAddress }] : [];
  });
  return [...natted, ...routePorts(publications, targets)];
}

/** @param before what the change before this one has left */
async function exchangeFlows(
  firewall: Firewall,
  before: readonly Publication[],
  after: readonly Publication[],
): Promise<readonly Publication[]> {
  const [gone, come] = [without(before, after), without(after, before)];
  if (gone.length > 0) await firewall.remove(gone);
  if (come.length > 0) await firewall.add(come);
  return after;
}

function without(flows: readonly Publication[], others: readonly Publication[]): Publication[] {
  const keys = new Set(others.map(flowKey));
  return flows.filter((one) => !keys.has(flowKey(one)));
}

const flowKey = ({ linkedAddress, protocol, containerAddress, containerPort }: Publication) =>
  `${linkedAddress?.value} ${protocol} ${containerAddress.value} ${containerPort}`;

const retake = (reservations: PortReservations, relays: PortRelays, publication: Publication) =>
  reservations.retake(publication, relays.isAble() && isRelayed(publication));
