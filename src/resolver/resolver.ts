import { closeSync, fstatSync, openSync } from "node:fs";
import type {
  HeldNetns,
  NamedSandbox,
  NameMethods,
  NameSockets,
  NetnsReference,
} from "../supervisor-protocol/names.ts";
import { openNetnsOf } from "../sys/netns.ts";
import { copyDescriptor } from "../sys/pidfd.ts";
import { createForwarder, type Forwarder } from "./forward.ts";
import { type Listener, openListener, openSockets } from "./listener.ts";
import { createNameIndex } from "./name-index.ts";
import { type Asker, createResponder, type Responder } from "./respond.ts";
import { createHostServers, type HostServers } from "./servers.ts";

/** A sandbox that is answered. */
interface Served extends Asker {
  listener: Listener;
}

type Methods = {
  [Name in keyof NameMethods]: (...parameters: Parameters<NameMethods[Name]>) => Promise<void>;
};

/** Answers the names of sandboxes, each in its own namespace. The methods are called one at a time. */
export function createResolver(
  hostServers: HostServers = createHostServers(),
  forwarder: Forwarder = createForwarder(),
): Methods {
  const index = createNameIndex();
  const respond = createResponder(index, hostServers, forwarder);
  /** All that are known; `undefined` for one that is not answered. */
  const sandboxes = new Map<string, Served | undefined>();

  async function putNames(named: NamedSandbox): Promise<void> {
    index.put(named);
    const before = sandboxes.get(named.id);
    sandboxes.set(named.id, undefined);
    sandboxes.set(named.id, await serve(respond, named, before));
  }

  async function removeNames({ id }: { id: string }): Promise<void> {
    index.remove(id);
    const served = sandboxes.get(id);
    sandboxes.delete(id);
    if (served) stop(served);
  }

  return {
    putNames,
    removeNames,
    async syncNames({ sandboxes: wanted }) {
      const ids = new Set(wanted.map(({ id }) => id));
      for (const id of sandboxes.keys()) if (!ids.has(id)) await removeNames({ id });
      for (const named of wanted) {
        // One that has just ended must not keep the others from being answered.
        await putNames(named).catch((error: unknown) => console.error(named.id, error));
      }
    },
  };
}

/** Takes up a sandbox where it is, or goes on with it. */
async function serve(
  respond: Responder,
  named: NamedSandbox,
  before: Served | undefined,
): Promise<Served | undefined> {
  const netns = named.netns && openNetns(named.netns);
  if (before && netns !== undefined && isSameFile(before.netns, netns)) {
    closeSync(netns);
    return Object.assign(before, { named });
  }
  if (before) stop(before);
  if (netns === undefined) return undefined;
  const asker: Asker = { named, netns, underWay: 0 };
  try {
    const sockets = named.netns && "sockets" in named.netns ? takeSockets(named.netns) : undefined;
    const listener = await openListener(sockets ?? (await openSockets(netns)), (query, transport) =>
      respond(asker, query, transport),
    );
    return Object.assign(asker, { listener });
  } catch (error) {
    closeSync(netns);
    throw error;
  }
}

function takeSockets({ pid, sockets: { udp, tcp } }: HeldNetns): NameSockets {
  return { udp: copyDescriptor({ pid, fd: udp }), tcp: copyDescriptor({ pid, fd: tcp }) };
}

function stop(served: Served): void {
  served.listener.close();
  closeSync(served.netns);
  served.netns = -1;
}

/** The caller closes it. @throws ENOENT, SyscallError ESRCH when it has gone */
function openNetns(reference: NetnsReference): number {
  return "fd" in reference
    ? openSync(`/proc/${reference.pid}/fd/${reference.fd}`, "r")
    : openNetnsOf(reference.pid, reference.startTicks);
}

function isSameFile(one: number, other: number): boolean {
  const [a, b] = [fstatSync(one, { bigint: true }), fstatSync(other, { bigint: true })];
  return a.ino === b.ino && a.dev === b.dev;
}
