import type { Logger } from "../logger.ts";
import type { Catalog } from "./catalog.ts";
import type { EndpointRecord } from "./endpoint.ts";
import type { Kernel } from "./kernel.ts";
import { adoptEndpoint } from "./lease.ts";
import { findLinkedPorts } from "./linked-ports.ts";
import { findLinkOf, type OwnLinks } from "./own-links.ts";
import { formatPortMap } from "./port-map.ts";
import { parsePublications } from "./publish-targets.ts";
import type { PublishedPorts } from "./published-ports.ts";
import { electGateways, type OpenSandbox, type SandboxStore, targetsOf } from "./sandbox.ts";

interface Stored {
  catalog: Catalog;
  logger: Logger;
  /** By owner. */
  sandboxes: Map<string, OpenSandbox>;
  store: SandboxStore;
}

interface Adoption {
  kernel: Kernel;
  publishedPorts: PublishedPorts;
  /** By owner. */
  sandboxes: Map<string, OpenSandbox>;
  store: SandboxStore;
  links: OwnLinks;
  forget(sandbox: OpenSandbox): void;
  canRelay(): boolean;
}

/** Makes leases, links and published ports exactly those of the sandboxes whose owners live, and of those that are just being opened. */
export async function adoptSandboxes(adoption: Adoption, findLive: () => string[]): Promise<void> {
  const { kernel, publishedPorts, sandboxes, store, links } = adoption;
  const all = await kernel.listLinks();
  // From here on without a pause: the links of one that is known without them would be taken for orphans.
  const starting = new Set([...sandboxes].filter(([, { isStarting }]) => isStarting).map(([id]) => id));
  const settled = new Set([...sandboxes.values()].filter(({ isStarting }) => !isStarting));
  const live = new Set(findLive());
  for (const [ownerId, sandbox] of sandboxes) {
    if (starting.has(ownerId)) continue;
    if (!live.has(ownerId)) adoption.forget(sandbox);
    else for (const endpoint of sandbox.endpoints) endpoint.link = findLinkOf(endpoint, all);
  }
  await links.reattach(all);
  const publications = [...sandboxes].flatMap(([ownerId, sandbox]) => {
    // Where ports are published that say nothing is what they say now.
    const targets = targetsOf(sandbox, { publishAddress: undefined, canRelay: adoption.canRelay });
    const found = starting.has(ownerId) ? [] : parsePublications(sandbox.ports, targets);
    return found.length > 0 ? [[ownerId, found] as const] : [];
  });
  const flows = findLinkedPorts(sandboxes);
  const isComing = (ownerId: string) => {
    const sandbox = sandboxes.get(ownerId);
    return sandbox !== undefined && !settled.has(sandbox);
  };
  for (const ownerId of await publishedPorts.adopt(new Map(publications), flows, isComing)) {
    const sandbox = sandboxes.get(ownerId);
    if (!sandbox) continue;
    sandbox.ports = formatPortMap(publishedPorts.listOf(ownerId), Object.keys(sandbox.ports));
    store.put(sandbox);
  }
  await links.removeOrphans();
}

/** Opens again what an earlier daemon has opened. @param sandboxes by owner */
export function reopenStored({ catalog, logger, sandboxes, store }: Stored): void {
  for (const { sandbox, ...stored } of store.load()) {
    const open = (records: readonly EndpointRecord[]) =>
      records.flatMap((record) => adoptEndpoint(catalog, record, logger) ?? []);
    const [endpoints, passing] = [open(stored.endpoints), open(stored.passing)];
    const elected = electGateways(endpoints);
    const isAsElected = elected.gateway === sandbox.gateway && elected.gateway6 === sandbox.gateway6;
    sandboxes.set(sandbox.owner.id, {
      ...{ ...sandbox, ...elected, endpoints, passing },
      process: undefined,
      isStarting: false,
      isChanging: false,
      isUnsettled: passing.length > 0 || !isAsElected,
    });
  }
}
