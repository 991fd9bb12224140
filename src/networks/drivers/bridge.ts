import { messageOf } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { createQueue } from "../../sys/queue.ts";
import { addressesOf, type Bridge, bridgeOf, findStrayBridges } from "../bridge.ts";
import type { NetworkDriver } from "../driver.ts";
import { type Endpoint, linkLocalsOf, wayOut } from "../endpoint.ts";
import { readInterfaceSysctls } from "../endpoint-options.ts";
import type { Firewall } from "../firewall.ts";
import type { ForeignFirewall } from "../foreign-firewall.ts";
import type { Interface } from "../interface.ts";
import type { Kernel } from "../kernel.ts";
import { bridgeMark } from "../marks.ts";
import { planBridge } from "./plan-bridge.ts";

export interface BridgeDriverOptions {
  kernel: Kernel;
  logger: Logger;
  firewall: Firewall;
  foreignFirewall: ForeignFirewall;
  /** Of all networks that there are, without the unmade. */
  bridges(): Bridge[];
  /** Names of bridges that could not be made, which the packet filter does not know. The driver keeps it. */
  unmade: Set<string>;
  /** Has this machine forward what they need. */
  forward(): Promise<void>;
  /** The same for bridges that have been told not to. */
  forwardFromBridges(): Promise<void>;
  /** Its bridges bear it. */
  tableName: string;
}

/** A bridge for each network, an address of its subnet for each endpoint, and this machine as the gateway, which masquerades. */
export function createBridgeDriver(options: BridgeDriverOptions): NetworkDriver {
  const { kernel, logger, firewall, foreignFirewall, bridges, unmade } = options;
  const { forward, forwardFromBridges, tableName } = options;
  const mark = bridgeMark(tableName);
  const inTurn = createQueue();

  async function ensure(bridge: Bridge): Promise<void> {
    const { link: name, mtu, isForeign, letsContainersTalk } = bridge;
    const addresses = addressesOf(bridge);
    const isSeparated = !letsContainersTalk;
    await kernel.ensureBridge({ name, addresses, mtu, isForeign, isSeparated, alias: mark });
    unmade.delete(name);
  }

  /** The other networks work without it. */
  async function tryToEnsure(bridge: Bridge): Promise<void> {
    const { link } = bridge;
    await ensure(bridge).catch((error: unknown) => {
      unmade.add(link);
      const reason = messageOf(error);
      logger.warn({ bridge: link, reason }, "a bridge cannot be made: no container starts on its network");
    });
  }

  async function setUp(bridge: Bridge): Promise<void> {
    await ensure(bridge);
    await forward();
    await firewall.addBridge(bridge);
    await foreignFirewall.accept(bridges());
  }

  return {
    plan: planBridge,
    async setUp(network) {
      const bridge = bridgeOf(network);
      if (bridge) await setUp(bridge);
    },
    async tearDown(network) {
      const bridge = bridgeOf(network);
      if (!bridge) return;
      if (!bridge.isForeign) await kernel.removeOwnLink({ name: bridge.link, marks: [mark] });
      unmade.delete(bridge.link);
      await firewall.removeBridge(bridge);
      await foreignFirewall.accept(bridges());
    },
    restore: (networks) =>
      inTurn(async () => {
        const all = networks.flatMap((network) => bridgeOf(network) ?? []);
        for (const bridge of all) await tryToEnsure(bridge);
        for (const name of findStrayBridges(await kernel.listLinks(), all, tableName))
          await kernel.removeLink(name);
        await forward();
        await forwardFromBridges();
        const made = all.filter(({ link }) => !unmade.has(link));
        await firewall.install(made);
        await foreignFirewall.accept(made);
      }),
    async ready(network) {
      const bridge = unmade.size > 0 ? bridgeOf(network) : undefined;
      if (!bridge) return;
      await inTurn(async () => {
        if (!unmade.has(bridge.link)) return;
        await setUp(bridge).catch((error: unknown) => {
          unmade.add(bridge.link);
          throw error;
        });
      });
    },
    interfaceOf,
    whyAlone: undefined,
    whyNoMac: undefined,
  };
}

function interfaceOf(endpoint: Endpoint, isGateway: Record<4 | 6, boolean>): Interface | undefined {
  const { network, interfaceName: name, macAddress, linkAlias: alias } = endpoint;
  const addresses = [...endpoint.addresses, ...linkLocalsOf(endpoint)];
  const bridge = bridgeOf(network);
  if (!bridge || endpoint.addresses.length === 0) return undefined;
  const gateways = ([4, 6] as const).flatMap((family) =>
    isGateway[family] ? (wayOut(endpoint, family) ?? []) : [],
  );
  const { link, mtu, letsContainersTalk } = bridge;
  return {
    ...{ name, mtu, macAddress, addresses, gateways, sysctls: readInterfaceSysctls(endpoint.settings) },
    attachment: { kind: "veth", bridge: link, alias, isIsolated: !letsContainersTalk },
  };
}
