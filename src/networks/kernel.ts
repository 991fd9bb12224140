import { decodeError, type EncodedError } from "../errors.ts";
import type { IdMapping } from "../formats/id-mapping.ts";
import type { Link } from "../sys/link-message.ts";
import type { NftChain } from "../sys/nftables-chains.ts";
import type { SetElement, TableSet } from "../sys/nftables-message.ts";
import { startWorker } from "../sys/worker.ts";
import type { BridgeSettings } from "./host-bridge.ts";
import type { Interface } from "./interface.ts";
import type { BridgePort, LocalSubnet, MarkedLink } from "./links.ts";
import type { DefaultRoute, NetnsProcess } from "./live-netns.ts";
import type { NetnsRequest, OpenedNetns } from "./netns-pool.ts";
import type { ParentLink } from "./parent-link.ts";

/** What the network worker can be asked to do. Each waits for the kernel, so none runs on the daemon's main thread. */
export interface KernelOperations {
  ensureBridge(settings: BridgeSettings): void;
  openNetns(request: NetnsRequest): OpenedNetns;
  /** Adds an interface to a process's namespace. @returns its host end; undefined where it has none */
  plug(request: { process: NetnsProcess; settings: Interface }): string | undefined;
  /** Takes an interface without a host end away from it. One of another kind is the container's own. */
  unplug(request: InnerLink & { kind: string }): void;
  /** Whether there is such an interface. */
  hasInside(request: InnerLink): boolean;
  /** Makes the link that others are parts of, or brings an existing one up. @throws unavailable where the kernel lacks its kind */
  ensureParent(parent: ParentLink): void;
  /** @throws unavailable where the kernel lacks links of that kind */
  requireKind(kind: string): void;
  /** Makes it the default route of a process's namespace; undefined for none. */
  setDefaultRoute(request: { process: NetnsProcess; family: 4 | 6; route: DefaultRoute }): void;
  /** Leads the names that are asked for in a process's namespace to the resolver. */
  redirectNames(process: NetnsProcess): void;
  removeLink(name: string): void;
  /** One that bears one of the marks. */
  removeOwnLink(link: MarkedLink): void;
  listLinks(): Link[];
  listSubnets(): LocalSubnet[];
  attach(port: BridgePort): void;
  readSysctl(path: string): string;
  /** "" for one that is not there. */
  readSysctls(paths: string[]): string[];
  /** Returns the value before. `path` as "net/ipv4/ip_forward". */
  setSysctl(setting: { path: string; value: string }): string;
  /** In an `inet` table; a long list is sent in several transactions. */
  changeElements(change: { table: string; elements: SetElement[] }): void;
  /** The keys of a set's elements. */
  listKeys(set: TableSet): Uint8Array[];
  /** Of all tables. */
  listChains(): NftChain[];
  /** From then on only this process can change the table. False where the kernel cannot do that. */
  ownTable(table: string): boolean;
  /** What the kernel's announcements of this worker's changes to tables bear. */
  netfilterPort(): number;
  /** Nothing happens when there is no such table. */
  removeTable(table: string): void;
  /** Makes the kernel forget UDP flows to these ports of this machine. */
  forgetUdpFlows(ports: number[]): void;
  /** Starts making namespaces ready. @param mapping of the user namespaces that most of them belong to */
  prepare(mapping: IdMapping | undefined): void;
  /** Lets go of the ready namespaces and ends the thread. */
  close(): void;
}

interface InnerLink {
  process: NetnsProcess;
  name: string;
}

export interface Call {
  id: number;
  operation: keyof KernelOperations;
  argument: unknown;
}

export interface Answer {
  id: number;
  result?: unknown;
  error?: EncodedError;
}

export type Kernel = {
  [Operation in keyof KernelOperations]: (
    ...parameters: Parameters<KernelOperations[Operation]>
  ) => Promise<ReturnType<KernelOperations[Operation]>>;
};

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/**
 * Starts the network worker. Requests are carried out one after the other, in order. Errors carry the `code` of the
 * system error. The thread keeps the process alive only while a request is under way.
 */
export function startKernel(): Kernel {
  const call = startCalls();
  return {
    ensureBridge: (settings) => call("ensureBridge", settings) as Promise<void>,
    openNetns: (request) => call("openNetns", request) as Promise<OpenedNetns>,
    plug: (request) => call("plug", request) as Promise<string | undefined>,
    unplug: (request) => call("unplug", request) as Promise<void>,
    hasInside: (request) => call("hasInside", request) as Promise<boolean>,
    ensureParent: (parent) => call("ensureParent", parent) as Promise<void>,
    requireKind: (kind) => call("requireKind", kind) as Promise<void>,
    setDefaultRoute: (request) => call("setDefaultRoute", request) as Promise<void>,
    redirectNames: (process) => call("redirectNames", process) as Promise<void>,
    removeLink: (name) => call("removeLink", name) as Promise<void>,
    removeOwnLink: (link) => call("removeOwnLink", link) as Promise<void>,
    listLinks: () => call("listLinks", undefined) as Promise<Link[]>,
    listSubnets: () => call("listSubnets", undefined) as Promise<LocalSubnet[]>,
    attach: (port) => call("attach", port) as Promise<void>,
    readSysctl: (path) => call("readSysctl", path) as Promise<string>,
    readSysctls: (paths) => call("readSysctls", paths) as Promise<string[]>,
    setSysctl: (setting) => call("setSysctl", setting) as Promise<string>,
    changeElements: (change) => call("changeElements", change) as Promise<void>,
    listKeys: (set) => call("listKeys", set) as Promise<Uint8Array[]>,
    listChains: () => call("listChains", undefined) as Promise<NftChain[]>,
    netfilterPort: () => call("netfilterPort", undefined) as Promise<number>,
    ownTable: (table) => call("ownTable", table) as Promise<boolean>,
    removeTable: (table) => call("removeTable", table) as Promise<void>,
    forgetUdpFlows: (ports) => call("forgetUdpFlows", ports) as Promise<void>,
    prepare: (mapping) => call("prepare", mapping) as Promise<void>,
    close: () => call("close", undefined) as Promise<void>,
  };
}

function startCalls() {
  const worker = startWorker("networks/netns.worker", { trackUnmanagedFds: false });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let ended: Error | undefined;

  worker.on("message", ({ id, result, error }: Answer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (waiting.size === 0) worker.unref();
    if (error) call?.reject(decodeError(error));
    else call?.resolve(result);
  });
  function end(error: Error): void {
    ended ??= error;
    for (const call of waiting.values()) call.reject(ended);
    waiting.clear();
  }
  worker.on("error", end);
  worker.on("exit", () => end(new Error("the network worker has ended")));
  worker.unref();

  return (operation: keyof KernelOperations, argument: unknown): Promise<unknown> => {
    if (ended) return Promise.reject(ended);
    return new Promise((resolve, reject) => {
      const id = ++lastId;
      waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ id, operation, argument } satisfies Call);
    });
  };
}
