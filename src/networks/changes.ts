import type { Events } from "../events/events.ts";
import type { NetworkCreateRequest } from "../formats/docker-api/docker-api.ts";
import { createQueue } from "../sys/queue.ts";
import type { Catalog } from "./catalog.ts";
import { checkRemovable } from "./check-removable.ts";
import type { NetworkDrivers } from "./drivers.ts";
import type { NetworkRecord } from "./records.ts";
import type { EndpointOfOwner } from "./sandboxes.ts";

/** Networks come and go one at a time: a bridge that is still being made must not outlive the engine's end. */
interface NetworkChanges {
  inTurn<R>(change: () => Promise<R>): Promise<R>;
  create(body: NetworkCreateRequest): Promise<NetworkRecord>;
  remove(nameOrId: string, endpointsOn: EndpointsOn): Promise<void>;
  /** Takes away one that the settings no longer want, unless a container is on it. */
  withdraw(network: NetworkRecord, endpointsOn: EndpointsOn): Promise<void>;
}

type EndpointsOn = (networkId: string) => EndpointOfOwner[];

interface NetworkChangesOptions {
  catalog: Catalog;
  drivers: NetworkDrivers;
  events: Events;
}

export function createNetworkChanges({ catalog, drivers, events }: NetworkChangesOptions): NetworkChanges {
  const inTurn = createQueue();

  async function drop(network: NetworkRecord): Promise<void> {
    catalog.delete(network);
    await drivers[network.driver].tearDown(network);
  }

  function announce(action: "create" | "destroy", { id, name, driver }: NetworkRecord): void {
    events.publish("network", action, id, { name, type: driver });
  }

  return {
    inTurn,
    create: (body) =>
      inTurn(async () => {
        const network = await catalog.create(body, drivers);
        try {
          await drivers[network.driver].setUp(network);
        } catch (error) {
          await drop(network);
          throw error;
        }
        announce("create", network);
        return network;
      }),
    remove: (nameOrId, endpointsOn) =>
      inTurn(async () => {
        const network = catalog.getNetwork(nameOrId);
        checkRemovable(network, catalog.list(), endpointsOn(network.id));
        await drop(network);
        if (!network.isConfigOnly) announce("destroy", network);
      }),
    withdraw: (network, endpointsOn) =>
      inTurn(async () => {
        if (endpointsOn(network.id).length === 0) await drop(network);
      }),
  };
}
