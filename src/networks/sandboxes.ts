import { conflict } from "../errors.ts";
import type { EndpointSettings } from "../formats/docker-api/docker-api.ts";
import { formatIpAddress } from "../formats/ip-address.ts";
import type { State } from "../state/state.ts";
import { adoptSandboxes, reopenStored } from "./adopt.ts";
import { announce, closeSandbox, forgetSandbox, type OpenSandboxes } from "./close-sandbox.ts";
import { connectSandbox, disconnectSandbox, type RunningOwner, settleSandbox } from "./connect.ts";
import type { Endpoint } from "./endpoint.ts";
import { type NamedOwner, namesOf } from "./lease.ts";
import { settleLinkedPorts } from "./linked-ports.ts";
import type { NetnsProcess } from "./live-netns.ts";
import { openSandbox, type Sandbox, type SandboxRequest } from "./open-sandbox.ts";
import { createOwnLinks, type OwnLink } from "./own-links.ts";
import { formatPortMap } from "./port-map.ts";
import type { PortsChange } from "./published-ports.ts";
import type { NetworkRecord } from "./records.ts";
import {
  allEndpoints,
  type OpenSandbox,
  openSandboxStore,
  type SandboxView,
  targetsOf,
  viewSandbox,
} from "./sandbox.ts";

/** An endpoint as messages name it. */
export interface EndpointOfOwner {
  id: string;
  ownerName: string;
}

/** A network that an owner is no longer on, and the addresses that it had there. */
export interface LeftNetwork {
  network: NetworkRecord;
  addresses: string[];
}

export interface Sandboxes {
  open(request: SandboxRequest): Promise<Sandbox>;
  close(ownerId: string): Promise<void>;
  /** @throws notFound, forbidden, invalid, conflict */
  connect(owner: RunningOwner, network: NetworkRecord, settings: EndpointSettings): Promise<void>;
  /** @throws internal in Docker's words when it is not on that network */
  disconnect(owner: RunningOwner, network: NetworkRecord): Promise<void>;
  /** Owners whose networks an earlier daemon was changing when it was killed. */
  unsettled(): string[];
  /** Carries that through. @returns what the owner has left by it */
  settle(owner: RunningOwner): Promise<LeftNetwork[]>;
  /** Changes the published ports of an owner that runs: all of it, or nothing. @throws internal "Bind for … failed…" */
  changePorts(owner: RunningOwner, change: PortsChange): Promise<void>;
  /** An owner is no longer linked to another. */
  unlink(ownerId: string, targetId: string): Promise<void>;
  view(ownerId: string): SandboxView | undefined;
  /** @param findLive ids of the owners that live; called once, in the moment in which what it says becomes what is open */
  adopt(findLive: () => string[]): Promise<void>;
  /** Puts the links of what is open under their bridges again, which were made again. */
  reattach(): Promise<void>;
  endpointsOn(networkId: string): EndpointOfOwner[];
  /** What is open now, by owner, and which links of containers there are. */
  survey(): Promise<{ open: ReadonlyMap<string, Readonly<OpenSandbox>>; links: OwnLink[] }>;
  /** Tells resolver and relay all again. @param findProcess of an owner that runs */
  tellAgain(findProcess: (ownerId: string) => NetnsProcess | undefined): Promise<void>;
  /** An owner has another name now. */
  rename(owner: NamedOwner): void;
  stop(): Promise<void>;
}

export interface SandboxesOptions extends Omit<OpenSandboxes, "sandboxes" | "store" | "links"> {
  state: State;
}

export function createSandboxes(options: SandboxesOptions): Sandboxes {
  const { catalog, kernel, publishedPorts, names, logger } = options;
  const sandboxes = new Map<string, OpenSandbox>();
  const store = openSandboxStore(options.state);
  reopenStored({ catalog, logger, sandboxes, store });
  const links = createOwnLinks({ tableName: options.tableName, catalog, kernel, logger, sandboxes });
  const all: OpenSandboxes = { ...options, sandboxes, store, links };
  const forget = (sandbox: OpenSandbox) => forgetSandbox(all, sandbox);

  return {
    open: (request) => openSandbox(all, request),
    close: (ownerId) => closeSandbox(all, ownerId),
    async connect(owner, network, settings) {
      await change(all, owner, (sandbox) => connectSandbox(all, sandbox, owner, network, settings));
      announce(all, "connect", owner.id, [network]);
    },
    async disconnect(owner, network) {
      await change(all, owner, (sandbox) => disconnectSandbox(all, sandbox, owner, network));
      announce(all, "disconnect", owner.id, [network]);
    },
    unsettled: () => [...sandboxes].filter(([, { isUnsettled }]) => isUnsettled).map(([ownerId]) => ownerId),
    async settle(owner) {
      let left: readonly Endpoint[] = [];
      if (sandboxes.get(owner.id)?.isUnsettled)
        await change(all, owner, async (sandbox) => {
          left = await settleSandbox(all, sandbox, owner);
        });
      return left.map(({ network, addresses }) => ({
        network,
        addresses: addresses.map(({ address }) => formatIpAddress(address)),
      }));
    },
    changePorts: (owner, wanted) =>
      change(all, owner, async (sandbox) => {
        const targets = targetsOf(sandbox, all.publishing);
        try {
          await publishedPorts.change(owner.id, wanted, targets);
        } finally {
          sandbox.ports = formatPortMap(publishedPorts.listOf(owner.id), owner.ports.exposedPorts);
          store.put(sandbox);
        }
      }),
    async unlink(ownerId, targetId) {
      const sandbox = sandboxes.get(ownerId);
      if (!sandbox) return;
      sandbox.links = sandbox.links.filter((link) => link.ownerId !== targetId);
      store.put(sandbox);
      await settleLinkedPorts(all);
    },
    view(ownerId) {
      const sandbox = sandboxes.get(ownerId);
      return sandbox && viewSandbox(sandbox);
    },
    adopt: (findLive) =>
      adoptSandboxes(
        { kernel, publishedPorts, sandboxes, store, links, forget, canRelay: all.publishing.canRelay },
        findLive,
      ),
    reattach: async () => links.reattach(await kernel.listLinks()),
    endpointsOn: (networkId) => endpointsOn(networkId, [...sandboxes.values()]),
    survey: async () => ({ links: await links.list(), open: new Map(sandboxes) }),
    async tellAgain(findProcess) {
      for (const [ownerId, sandbox] of sandboxes) sandbox.process ??= findProcess(ownerId);
      await Promise.all([names.sync(sandboxes.values()), publishedPorts.relayAgain()]);
    },
    rename: (owner) => renameSandbox(all, owner),
    async stop() {
      links.stop();
      await publishedPorts.stop();
    },
  };
}

function endpointsOn(networkId: string, sandboxes: readonly OpenSandbox[]): EndpointOfOwner[] {
  return sandboxes.flatMap((sandbox) =>
    allEndpoints(sandbox)
      .filter(({ network }) => network.id === networkId)
      .map(({ id, names }) => ({ id, ownerName: names[0] ?? sandbox.owner.id.slice(0, 12) })),
  );
}

/** One that is not open has ended meanwhile, or shares another's network. */
async function change(
  { sandboxes }: OpenSandboxes,
  owner: RunningOwner,
  work: (sandbox: OpenSandbox) => Promise<void>,
): Promise<void> {
  const sandbox = sandboxes.get(owner.id);
  if (!sandbox) throw conflict(`container ${owner.id} is not running`);
  sandbox.isChanging = true;
  try {
    await work(sandbox);
  } finally {
    sandbox.isChanging = false;
  }
}

function renameSandbox({ sandboxes, store, names }: OpenSandboxes, owner: NamedOwner): void {
  const sandbox = sandboxes.get(owner.id);
  if (!sandbox) return;
  for (const endpoint of sandbox.endpoints)
    if (endpoint.names.length > 0) endpoint.names = namesOf(owner, endpoint.settings);
  store.put(sandbox);
  void names.tell(sandbox, sandbox.process);
}
