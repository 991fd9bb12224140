import { messageOf } from "../errors.ts";
import type { SetElement } from "../sys/nftables-message.ts";
import { createQueue } from "../sys/queue.ts";
import type { Bridge } from "./bridge.ts";
import { encodeBridge } from "./bridge-elements.ts";
import type { Difference } from "./compare-table.ts";
import { createKnownPublications } from "./known-publications.ts";
import { createOwnTable, type FirewallOptions } from "./own-table.ts";
import type { Publication } from "./port-map.ts";
import { encodeAdditions, encodeRemovals } from "./published-elements.ts";

/**
 * The engine's one nftables table: its rules are the same for all networks, bridges and published ports are elements of its
 * sets and maps. It knows what it has put there, so it can compare the two and write all of it again.
 */
export interface Firewall {
  /** Makes the table, or brings an existing one's rules into this state in one step; published ports stay. */
  install(bridges: readonly Bridge[]): Promise<void>;
  addBridge(bridge: Bridge): Promise<void>;
  removeBridge(bridge: Bridge): Promise<void>;
  add(ownerId: string, publications: readonly Publication[]): Promise<void>;
  /** Those that are another owner's by now stay. */
  remove(ownerId: string, publications: readonly Publication[]): Promise<void>;
  /** Both in one transaction, so that a port which leads elsewhere leads somewhere all the time. What fails leaves neither. */
  exchange(ownerId: string, gone: readonly Publication[], come: readonly Publication[]): Promise<void>;
  /** Makes the published ports exactly these, in one step. */
  replace(byOwner: Iterable<readonly [ownerId: string, publications: readonly Publication[]]>): Promise<void>;
  /**
   * How the whole table differs from what was put there, and how it differed when that was put right at once; nothing when it
   * is the same. A difference that was put right is reported until the next `install`.
   */
  compare(): Promise<Difference[]>;
  /** Another program has changed the table: no bridge routes loopback until it is as it was left. */
  distrust(): Promise<void>;
  /** Writes all of the table again when it is not as it was left. */
  restore(): Promise<void>;
  destroy(): Promise<void>;
}

export function createFirewall(options: FirewallOptions): Firewall {
  const { kernel, allowsDirectRouting } = options;
  const inTurn = createQueue();
  const table = createOwnTable(options);
  const { loopback } = table;

  /** Makes the change alone; when the table is not as it was left, all of it. */
  async function change(alone: () => Promise<unknown>): Promise<void> {
    try {
      await alone();
    } catch (error) {
      await table.rewrite(messageOf(error));
    }
    await table.followPorts();
  }

  async function changeElements(elements: SetElement[]): Promise<void> {
    await kernel.changeElements({ table: options.tableName, elements });
  }

  async function forgetFlows(list: readonly Publication[]): Promise<void> {
    const udp = list.filter(({ protocol, hostPort }) => protocol === "udp" && hostPort > 0);
    if (udp.length > 0) await kernel.forgetUdpFlows(udp.map(({ hostPort }) => hostPort));
  }

  function startKnowing() {
    const known = createKnownPublications();
    known.setBridges(table.bridges);
    table.published = known;
    return known;
  }

  const exchange: Firewall["exchange"] = (ownerId, gone, come) =>
    inTurn(async () => {
      const own = table.published?.take(ownerId, gone) ?? gone;
      const known = table.published ?? (come.length > 0 ? startKnowing() : undefined);
      known?.put(ownerId, come);
      const staysOpen = (one: Publication) => known?.leadsThere(one) ?? false;
      try {
        await change(() => changeElements([...encodeRemovals(own, staysOpen), ...encodeAdditions(come)]));
      } catch (error) {
        known?.take(ownerId, come);
        throw error;
      }
      await forgetFlows([...own, ...come]);
    });

  return {
    install: (list) => inTurn(() => table.install(list)),
    addBridge: (bridge) =>
      inTurn(async () => {
        table.setBridges([...table.bridges, bridge]);
        await change(() => changeElements(encodeBridge("add", bridge, allowsDirectRouting)));
      }),
    removeBridge: (bridge) =>
      inTurn(async () => {
        table.setBridges(table.bridges.filter(({ link }) => link !== bridge.link));
        await change(() => changeElements(encodeBridge("delete", bridge, allowsDirectRouting)));
      }),
    add: (ownerId, list) => exchange(ownerId, [], list),
    remove: (ownerId, list) => exchange(ownerId, list, []),
    exchange,
    replace: (byOwner) =>
      inTurn(async () => {
        const known = startKnowing();
        for (const [ownerId, list] of byOwner) known.put(ownerId, list);
        await change(() => table.run(table.formatPorts()));
      }),
    compare: () => inTurn(async () => [...(await table.compare()), ...table.putRight.values()]),
    distrust: () => {
      table.losses++;
      return loopback.close(table.bridges);
    },
    restore: () => inTurn(() => table.restore()),
    destroy: () => inTurn(() => table.destroy()),
  };
}
