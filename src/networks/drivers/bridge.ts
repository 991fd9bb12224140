import { type Bridge, bridgeMark, bridgeOf, findStrayBridges } from "../bridge.ts";
import type { NetworkDriver } from "../driver.ts";
import { linkLocalsOf, wayOut } from "../endpoint.ts";
import { readInterfaceSysctls } from "../endpoint-options.ts";
import type { Firewall } from "../firewall.ts";
import type { ForeignFirewall } from "../foreign-firewall.ts";
import type { Kernel } from "../kernel.ts";
import { planBridge } from "./plan-bridge.ts";

export interface BridgeDriverOptions {
  kernel: Kernel;
  firewall: Firewall;
  foreignFirewall: ForeignFirewall;
  /** Of all networks that there are. */
  bridges(): Bridge[];
  /** Has this machine forward what they need. */
  forward(): Promise<void>;
  /** The same for bridges that have been told not to. */
  forwardFromBridges(): Promise<void>;
  /** Its bridges bear it. */
  tableName: string;
}

/** A bridge for each network, an address of its subnet for each endpoint, and this machine as the gateway, which masquerades. */
export function createBridgeDriver(options: BridgeDriverOptions): NetworkDriver {
  const { kernel, firewall, foreignFirewall, bridges, forward, forwardFromBridges, tableName } = options;

  async function ensure({ link, homes, mtu, isForeign, letsContainersTalk }: Bridge): Promise<void> {
    const addresses = homes.flatMap(({ subnet: { prefixLength }, gateway }) =>
      gateway ? [{ address: gateway, prefixLength }] : [],
    );
    await kernel.ensureBridge({
      ...{ name: link, addresses, mtu, isForeign, alias: bridgeMark(tableName) },
      isSeparated: !letsContainersTalk,
    });
  }

  return {
    plan: planBridge,
    async setUp(network) {
      const bridge = bridgeOf(network);
      if (!bridge) return;
      await ensure(bridge);
      await forward();
      await firewall.addBridge(bridge);
      await foreignFirewall.accept(bridges());
    },
    async tearDown(network) {
      const bridge = bridgeOf(network);
      if (!bridge) return;
      if (!bridge.isForeign) await kernel.removeLink(bridge.link);
      await firewall.removeBridge(bridge);
      await foreignFirewall.accept(bridges());
    },
    async restore(networks) {
      const wanted = networks.flatMap((network) => bridgeOf(network) ?? []);
      for (const bridge of wanted) await ensure(bridge);
      for (const name of findStrayBridges(await kernel.listLinks(), wanted, tableName))
        await kernel.removeLink(name);
      await forward();
      await forwardFromBridges();
      await firewall.install(wanted);
      await foreignFirewall.accept(wanted);
    },
    interfaceOf(endpoint, isGateway) {
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
    },
    whyAlone: undefined,
    whyNoMac: undefined,
  };
}
