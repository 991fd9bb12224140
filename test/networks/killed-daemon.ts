// A daemon that a test kills: opens one container's network, tells what it got, and waits for its end.
import { createEvents } from "../../src/events/events.ts";
import { parseSubnet } from "../../src/formats/ip-address.ts";
import { createLogger } from "../../src/logger.ts";
import { createNetworks } from "../../src/networks/networks.ts";
import { defaultNetworksConfig } from "../../src/networks/settings.ts";
import { openState } from "../../src/state/state.ts";

const [statePath = "", request = ""] = process.argv.slice(2);
const logger = createLogger("silent");
const networks = await createNetworks({
  state: openState(statePath, logger),
  events: createEvents(),
  logger,
  bridgeName: "berth-test0",
  engineId: "test",
  settings: { ...defaultNetworksConfig, bip: { 4: parseSubnet("10.90.0.1/24"), 6: undefined } },
  tableName: "berth-test",
  hasDefaultBridgeNames: false,
  resolver: { isAble: () => true, tell: async () => {} },
  relay: { isAble: () => false, tell: async () => {} },
});
const { id, netnsPath, endpoints, ports } = await networks.open(JSON.parse(request));
process.send?.({ id, netnsPath, endpoints, ports });
setInterval(() => {}, 60_000);
