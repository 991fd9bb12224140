// A daemon that a test kills: opens one container's network, tells what it got, and waits for its end. Asked to join or leave a network,
// it ends itself before or after a sandbox's record is stored for the nth time meanwhile.
import { createEvents } from "../../src/events/events.ts";
import type { EndpointSettings, NetworkCreateRequest } from "../../src/formats/docker-api/docker-api.ts";
import { parseSubnet } from "../../src/formats/ip-address.ts";
import { createLogger } from "../../src/logger.ts";
import { createNetworks, type RunningOwner } from "../../src/networks/networks.ts";
import { sandboxKind } from "../../src/networks/sandbox.ts";
import { defaultNetworksConfig } from "../../src/networks/settings.ts";
import { type Kind, openState, type Records, type State } from "../../src/state/state.ts";

/** What it is asked for once the container runs. */
export interface Change {
  method: "connect" | "disconnect";
  owner: RunningOwner;
  network: string;
  settings: EndpointSettings;
  /** Undefined to carry it through. */
  end?: { when: "before" | "after"; nth: number } | undefined;
}

let [end, stored]: [Change["end"], number] = [undefined, 0];

function endWhen(when: "before" | "after"): void {
  if (end?.when === when && end.nth === stored) process.kill(process.pid, "SIGKILL");
}

function endAtRecord<T>(kind: Kind<T>, records: Records<T>): Records<T> {
  if (kind.name !== sandboxKind.name) return records;
  return {
    ...records,
    putSoon(key, value) {
      stored++;
      endWhen("before");
      records.putSoon(key, value);
      endWhen("after");
    },
  };
}

const [statePath = "", request = "", network = ""] = process.argv.slice(2);
const logger = createLogger("silent");
const state = openState(statePath, logger);
const ending: State = { ...state, records: (kind) => endAtRecord(kind, state.records(kind)) };
const networks = await createNetworks({
  state: ending,
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
if (network !== "") await networks.createNetwork(JSON.parse(network) as NetworkCreateRequest);
const { id, netnsPath, endpoints, ports } = await networks.open(JSON.parse(request));
process.send?.({ id, netnsPath, endpoints, ports });
process.on("message", async ({ method, owner, network: name, settings, ...change }: Change) => {
  [end, stored] = [change.end, 0];
  if (method === "connect") await networks.connect(owner, name, settings);
  else await networks.disconnect(owner, name);
  process.send?.("done");
});
setInterval(() => {}, 60_000);
