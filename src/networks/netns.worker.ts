import { parentPort } from "node:worker_threads";
import { NetlinkSocket, netlinkProtocol } from "../sys/netlink.ts";
import type { MapElement } from "../sys/nftables-message.ts";
import type { Answer, Call, KernelOperations } from "./kernel.ts";
import { createHostLinks, setSysctl } from "./links.ts";
import { createSandboxes } from "./sandboxes.ts";

const port = parentPort;
if (!port) throw new Error("netns.worker is a worker thread");

const links = createHostLinks();
const sandboxes = createSandboxes(links);
/** Idle time before the next namespace is made ready, so that a burst of starts is not slowed by it. */
const refillDelayMilliseconds = 50;
const netfilter = new NetlinkSocket(netlinkProtocol.netfilter);
/** Elements in one transaction, well within a socket's buffers. */
const batchSize = 256;
let refill: NodeJS.Timeout | undefined;

function scheduleRefill(): void {
  clearTimeout(refill);
  refill = setTimeout(() => {
    if (sandboxes.prepare()) scheduleRefill();
  }, refillDelayMilliseconds);
}

/** Buffers arrive as plain byte arrays. */
function fromMessage({ map, key, value }: MapElement): MapElement {
  return { map, key: Buffer.from(key), ...(value && { value: Buffer.from(value) }) };
}

const operations: KernelOperations = {
  ensureBridge: (settings) => links.ensureBridge(settings),
  openSandbox({ containerId, interfaces }) {
    const sandbox = sandboxes.open(containerId, interfaces);
    if (interfaces.length > 0) scheduleRefill();
    return sandbox;
  },
  removeLink: (name) => links.removeLink(name),
  listLinks: () => links.listLinks(),
  listSubnets: (exceptLinks) => links.listSubnets(exceptLinks),
  attach: (port) => links.attach(port),
  setSysctl: ({ path, value }) => setSysctl(path, value),
  changeElements({ table, elements }) {
    for (let start = 0; start < elements.length; start += batchSize)
      netfilter.changeElements(table, elements.slice(start, start + batchSize).map(fromMessage));
  },
  prepare: scheduleRefill,
  close() {
    clearTimeout(refill);
    sandboxes.close();
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
    const { message, code } = error as NodeJS.ErrnoException;
    answer.error = { message, ...(code === undefined ? {} : { code }) };
  }
  port.postMessage(answer);
});
