import type { NetworkDriver } from "./driver.ts";
import { createBridgeDriver } from "./drivers/bridge.ts";
import { createLinklessDriver } from "./drivers/linkless.ts";
import type { NetworkRecord } from "./records.ts";

export type NetworkDrivers = Record<NetworkRecord["driver"], NetworkDriver>;

/** All drivers there are, by the name that users know. */
export function createDrivers(options: Parameters<typeof createBridgeDriver>[0]): NetworkDrivers {
  return {
    bridge: createBridgeDriver(options),
    host: createLinklessDriver(
      "host",
      "container sharing network namespace with another container or host cannot be connected to any other network",
    ),
    null: createLinklessDriver(
      "null",
      "container cannot be connected to multiple networks with one of the networks in private (none) mode",
    ),
  };
}
