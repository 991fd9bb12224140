import { parentPort } from "node:worker_threads";
import { encodeError } from "../errors.ts";
import type { IdMapping } from "../formats/id-mapping.ts";
import { readSysctl, setSysctl, tryReadSysctl } from "../sys/sysctl.ts";
import type { Answer, Call, KernelOperations } from "./kernel.ts";
import { createHostLinks } from "./links.ts";
import { createLiveNetns } from "./live-netns.ts";
import { createNetfilter } from "./netfilter.ts";
import { createNetnsPool } from "./netns-pool.ts";
import { ensureParent, requireKind } from "./parent-link.ts";

const port = parentPort;
if (!port) throw new Error("netns.worker is a worker thread");

const links = createHostLinks();
const netfilter = createNetfilter();
const pool = createNetnsPool(links);
const live = createLiveNetns(links);
/** Idle time before the next namespace is made ready, so that a burst of starts is not slowed by it. */
const refillDelayMilliseconds = 50;
let refill: NodeJS.Timeout | undefined;
/** Of the containers that ask for nothing else. */
let usualMapping: IdMapping | undefined;

function scheduleRefill(): void {
  clearTimeout(refill);
  refill = setTimeout(() => {
    if (pool.prepare(usualMapping)) scheduleRefill();
  }, refillDelayMilliseconds);
}

const operations: KernelOperations = {
  ensureBridge: (settings) => links.ensureBridge(settings),
  openNetns(request) {
    const netns = pool.open(request);
    if (request.interfaces.length > 0) scheduleRefill();
    return netns;
  },
  plug: ({ process, settings }) => live.plug(process, settings),
  unplug: ({ process, name, kind }) => live.unplug(process, name, kind),
  hasInside: ({ process, name }) => live.has(process, name),
  ensureParent: (parent) => ensureParent(links, parent),
  requireKind: (kind) => requireKind(links, kind),
  setDefaultRoute: ({ process, family, route }) => live.setDefaultRoute(process, family, route),
  redirectNames: (process) => live.redirectNames(process),
  removeLink: (name) => links.removeLink(name),
  removeOwnLink: (link) => links.removeOwnLink(link),
  listLinks: () => links.listLinks(),
  listSubnets: () => links.listSubnets(),
  attach: (port) => links.attach(port),
  readSysctl: (path) => readSysctl(path),
  readSysctls: (paths) => paths.map(tryReadSysctl),
  setSysctl: ({ path, value }) => setSysctl(path, value),
  changeElements: ({ table, elements }) => netfilter.changeElements(table, elements),
  listKeys: (set) => netfilter.listKeys(set),
  listChains: () => netfilter.listChains(),
  ownTable: (table) => netfilter.ownTable(table),
  netfilterPort: () => netfilter.port,
  removeTable: (table) => netfilter.removeTable(table),
  forgetUdpFlows: (ports) => netfilter.forgetUdpFlows(ports, links.listAddresses()),
  prepare(mapping) {
    usualMapping = mapping;
    scheduleRefill();
  },
  close() {
    clearTimeout(refill);
    pool.close();
    links.socket.close();
    netfilter.close();
    setImmediate(() => port.close());
  },
};

port.on("message", ({ id, operation, argument }: Call) => {
  const answer: Answer = { id };
  try {
    const run = operations[operation] as (argument: unknown) => unknown;
    answer.result = run(argument);
  } catch (error) {
    answer.error = encodeError(error);
  }
  port.postMessage(answer);
});
