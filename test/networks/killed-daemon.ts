// A daemon that a test kills: opens one container's network, tells what it got, and waits for its end.
import { createEvents } from "../../src/events/events.ts";
import { createLogger } from "../../src/logger.ts";
import { createNetworks } from "../../src/networks/networks.ts";
import { openState } from "../../src/state/state.ts";

const [statePath = "", request = ""] = process.argv.slice(2);
const logger = createLogger("silent");
const networks = await createNetworks({
  state: openState(statePath, logger),
  events: createEvents(),
  logger,
  bridgeName: "berth-test0",
  bip: "10.90.0.1/24",
  tableName: "berth-test",
});
const { netnsPath, endpoints, ports } = await networks.open(JSON.parse(request));
process.send?.({ netnsPath, endpoints, ports });
setInterval(() => {}, 60_000);
