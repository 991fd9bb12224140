import type { Events } from "../events/events.ts";
import type { Logger } from "../logger.ts";
import type { Catalog } from "./catalog.ts";
import type { NetworkDrivers } from "./drivers.ts";
import type { Kernel } from "./kernel.ts";
import { releaseEndpoint } from "./lease.ts";
import { settleLinkedPorts } from "./linked-ports.ts";
import type { SandboxNames } from "./names.ts";
import type { OwnLinks } from "./own-links.ts";
import type { Publishing } from "./publish-targets.ts";
import type { PublishedPorts } from "./published-ports.ts";
import type { NetworkRecord } from "./records.ts";
import { allEndpoints, type OpenSandbox, type SandboxStore } from "./sandbox.ts";

/** The sandboxes that are open, and all that is needed to make one and take it away. */
export interface OpenSandboxes {
  /** By owner. */
  sandboxes: Map<string, OpenSandbox>;
  store: SandboxStore;
  catalog: Catalog;
  /** The links of containers bear it. */
  tableName: string;
  drivers: NetworkDrivers;
  kernel: Kernel;
  links: OwnLinks;
  publishedPorts: PublishedPorts;
  publishing: Publishing;
  names: SandboxNames;
  /** Restores what the networks need on this machine. */
  repair(): Promise<void>;
  events: Events;
  logger: Logger;
}

/** After the owner has ended: gives back addresses and ports. One that is not open is no error. */
export async function closeSandbox(all: OpenSandboxes, ownerId: string): Promise<void> {
  const sandbox = all.sandboxes.get(ownerId);
  all.sandboxes.delete(ownerId);
  try {
    await all.publishedPorts.unpublish(ownerId);
  } finally {
    if (sandbox) {
      forgetSandbox(all, sandbox);
      await settleLinkedPorts(all);
      announce(all, "disconnect", ownerId, joinedNetworks(sandbox));
    }
  }
}

/** The same for one whose ports are not published, without an event. */
export function forgetSandbox(all: OpenSandboxes, sandbox: OpenSandbox): void {
  const { sandboxes, catalog, store, names, links } = all;
  if (sandboxes.get(sandbox.owner.id) === sandbox) sandboxes.delete(sandbox.owner.id);
  for (const endpoint of allEndpoints(sandbox)) releaseEndpoint(catalog, endpoint);
  store.delete(sandbox);
  sandbox.passing = [];
  names.remove(sandbox);
  links.scheduleSweep();
}

export function announce(
  { events }: OpenSandboxes,
  action: "connect" | "disconnect",
  ownerId: string,
  networks: readonly NetworkRecord[],
): void {
  for (const { id, name, driver } of networks)
    events.publish("network", action, id, { container: ownerId, name, type: driver });
}

export const joinedNetworks = ({ endpoints }: OpenSandbox) => endpoints.map(({ network }) => network);
