import type { NetworkDriver } from "./driver.ts";
import { type BridgeDriverOptions, createBridgeDriver } from "./drivers/bridge.ts";
import { createIpvlanDriver } from "./drivers/ipvlan.ts";
import { createLinklessDriver } from "./drivers/linkless.ts";
import { createMacvlanDriver } from "./drivers/macvlan.ts";
import type { ParentDriverOptions } from "./drivers/parent.ts";
import type { NetworkRecord } from "./records.ts";

export type NetworkDrivers = Record<NetworkRecord["driver"], NetworkDriver>;

/** All drivers there are, by the name that users know. */
export function createDrivers(options: BridgeDriverOptions & ParentDriverOptions): NetworkDrivers {
  return {
    bridge: createBridgeDriver(options),
    host: createLinklessDriver(
      "host",
      "container sharing network namespace with another container or host cannot be connected to any other network",
    ),
    macvlan: createMacvlanDriver(options),
    ipvlan: createIpvlanDriver(options),
    null: createLinklessDriver(
      "null",
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    ),
  };
}
