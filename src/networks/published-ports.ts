import { internal, messageOf } from "../errors.ts";
import { formatIpAddress } from "../formats/ip-address.ts";
import type { Logger } from "../logger.ts";
import { createQueue } from "../sys/queue.ts";
import type { Firewall } from "./firewall.ts";
import { targetKey } from "./known-publications.ts";
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
  /** What an owner has published now. */
  listOf(ownerId: string): readonly Publication[];
  /** Has the same ports lead elsewhere. They stay taken meanwhile; those that can lead nowhere any more are let go of. */
  move(ownerId: string, targets: PublishTargets): Promise<Publication[]>;
  /**
   * Makes the published ports exactly these and those of the containers that are starting, in one step, whatever the table
   * held before.
   * @param isComing whether an owner is starting, or has been since these were listed
   * @returns the owners of which another process has got hold of a port, which is theirs no more
   */
  adopt(
    publications: Map<string, Publication[]>,
    flows: readonly Publication[],
    isComing: (ownerId: string) => boolean,
  ): Promise<Set<string>>;
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

/** What linked containers reach each other at belongs to no one of them. */
const linksOwner = "links";

export function createPublishedPorts(options: PublishedPortsOptions): PublishedPorts {
  const { firewall, reservations, relays } = options;
  const byOwner = new Map<string, readonly Publication[]>();
  let linked: readonly Publication[] = [];
  const linkInTurn = createQueue();

  async function forget(ownerId: string): Promise<void> {
    const publications = byOwner.get(ownerId) ?? [];
    byOwner.delete(ownerId);
    await reservations.release(ownerId, publications);
  }

  return {
    async publish(ownerId, wanted, targets) {
      const publications = [
        ...(await reservations.take(ownerId, placePorts(wanted, targets))),
        ...routePorts(wanted, targets),
      ];
      if (publications.length === 0) return [];
      byOwner.set(ownerId, publications);
      try {
        await firewall.add(ownerId, publications);
      } catch (error) {
        await forget(ownerId);
        throw internal(messageOf(error), error);
      }
      // No start waits for the process.
      void relays.put(ownerId, publications);
      return publications;
    },
    change: (ownerId, change, targets) => exchange(options, byOwner, ownerId, change, targets),
    async unpublish(ownerId) {
      const publications = byOwner.get(ownerId);
      if (!publications) return;
      byOwner.delete(ownerId);
      try {
        await Promise.all([firewall.remove(ownerId, publications), relays.put(ownerId, [])]);
      } finally {
        await reservations.release(ownerId, publications);
      }
    },
    has: (ownerId) => byOwner.has(ownerId),
    listOf: (ownerId) => byOwner.get(ownerId) ?? [],
    move: (ownerId, targets) => move(options, byOwner, ownerId, targets),
    link: (flows) =>
      linkInTurn(async () => {
        linked = await exchangeFlows(firewall, linked, flows);
      }),
    async adopt(publications, flows, isComing) {
      for (const [ownerId, before] of [...byOwner]) {
        if (isComing(ownerId)) continue;
        byOwner.delete(ownerId);
        await reservations.release(ownerId, withoutPlaces(before, publications.get(ownerId) ?? []));
      }
      const losers = new Set<string>();
      for (const [ownerId, list] of publications) {
        const kept = retake(options, ownerId, list);
        byOwner.set(ownerId, kept);
        if (kept.length < list.length) losers.add(ownerId);
      }
      await linkInTurn(async () => {
        linked = flows;
        await firewall.replace([...byOwner, [linksOwner, linked]]);
      });
      return losers;
    },
    relayAgain: () => relays.sync(byOwner),
    async stop() {
      for (const ownerId of [...byOwner.keys()]) await forget(ownerId);
    },
  };
}

/** @returns what is published then */
async function move(
  { firewall, relays, reservations }: PublishedPortsOptions,
  byOwner: Map<string, readonly Publication[]>,
  ownerId: string,
  targets: PublishTargets,
): Promise<Publication[]> {
  const before = byOwner.get(ownerId) ?? [];
  const after = lead(before, targets);
  const [gone, come] = [without(before, after), without(after, before)];
  if (gone.length + come.length === 0) return after;
  let now = after;
  byOwner.set(ownerId, now);
  try {
    await firewall.exchange(ownerId, gone, come);
  } catch (error) {
    now = without(after, come);
    byOwner.set(ownerId, now);
    throw error;
  } finally {
    void relays.put(ownerId, now);
    await reservations.release(ownerId, withoutPlaces(before, now));
  }
  return now;
}

/** @returns what is published then */
async function exchange(
  options: PublishedPortsOptions,
  byOwner: Map<string, readonly Publication[]>,
  ownerId: string,
  { added, isRemoved }: PortsChange,
  targets: PublishTargets,
): Promise<Publication[]> {
  const { reservations, firewall, relays } = options;
  const before = byOwner.get(ownerId) ?? [];
  const removed = before.filter(isRemoved);
  const rest = before.filter((one) => !isRemoved(one));
  // First, since one port may take the place of another.
  await relays.put(ownerId, rest);
  await reservations.release(ownerId, removed);
  let taken: Publication[] = [];
  try {
    taken = [
      ...(await reservations.take(ownerId, placePorts(added, targets))),
      ...routePorts(added, targets),
    ];
    await firewall.exchange(ownerId, removed, taken);
  } catch (error) {
    await putBack(options, byOwner, ownerId, { rest, removed, taken });
    throw error;
  }
  byOwner.set(ownerId, [...rest, ...taken]);
  void relays.put(ownerId, [...rest, ...taken]);
  return [...rest, ...taken];
}

interface FailedChange {
  rest: readonly Publication[];
  removed: readonly Publication[];
  taken: readonly Publication[];
}

/** As much of it as can be: the caller has an error of its own to tell. */
async function putBack(
  options: PublishedPortsOptions,
  byOwner: Map<string, readonly Publication[]>,
  ownerId: string,
  { rest, removed, taken }: FailedChange,
): Promise<void> {
  const { reservations, firewall, relays, logger } = options;
  const attempt = async (step: () => unknown) => {
    try {
      await step();
    } catch (error) {
      logger.warn({ error, ownerId }, "a change of published ports could not be taken back in full");
    }
  };
  await attempt(() => reservations.release(ownerId, taken));
  let back: Publication[] = [];
  await attempt(() => {
    back = retake(options, ownerId, removed);
  });
  byOwner.set(ownerId, [...rest, ...back]);
  await attempt(() => firewall.exchange(ownerId, removed, back));
  void relays.put(ownerId, [...rest, ...back]);
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
  if (gone.length + come.length > 0) await firewall.exchange(linksOwner, gone, come);
  return after;
}

function without(list: readonly Publication[], others: readonly Publication[]): Publication[] {
  const keys = new Set(others.map(wayOf));
  return list.filter((one) => !keys.has(wayOf(one)));
}

const wayOf = (publication: Publication) => `${formatPlace(publication)} to ${targetKey(publication)}`;

/** What stays an owner's stays taken: others wait for ports to come free. */
function withoutPlaces(list: readonly Publication[], others: readonly Publication[]): Publication[] {
  const places = new Set(others.map(formatPlace));
  return list.filter((one) => !places.has(formatPlace(one)));
}

function formatPlace({ hostAddress, hostPort, protocol }: Publication): string {
  const address = formatIpAddress(hostAddress);
  return `${hostAddress.family === 6 ? `[${address}]` : address}:${hostPort}/${protocol}`;
}

/** @returns those that no other process has got hold of meanwhile */
function retake(
  { reservations, relays, logger }: PublishedPortsOptions,
  ownerId: string,
  publications: readonly Publication[],
): Publication[] {
  const kept = publications.filter((one) =>
    reservations.retake(ownerId, one, relays.isAble() && isRelayed(one)),
  );
  const lost = publications.filter((one) => !kept.includes(one));
  if (lost.length > 0)
    logger.warn(
      { ownerId, lost: lost.map(formatPlace) },
      "published ports are in use by another process: they are given up",
    );
  return kept;
}
