import { closeSync } from "node:fs";
import { encodeIpAddress, ipAddress } from "../formats/ip-address.ts";
import type { OwnerRelays, Relay, RelayMethods } from "../supervisor-protocol/relays.ts";
import { copyDescriptor } from "../sys/pidfd.ts";
import { isBoundTo } from "../sys/port-socket.ts";
import { isAlive } from "../sys/process.ts";
import type { RelayedPort, RelayTarget } from "./port.ts";
import { listenTcp } from "./tcp.ts";
import { listenUdp } from "./udp.ts";

type Methods = {
  [Name in keyof RelayMethods]: (...parameters: Parameters<RelayMethods[Name]>) => Promise<void>;
};

/** Relays ports of this machine. The methods are called one at a time. */
export function createRelay(): Methods {
  /** By owner, then by what the port is. */
  const owners = new Map<string, Map<string, RelayedPort>>();

  async function putRelays({ id, relays }: OwnerRelays): Promise<void> {
    const ports = owners.get(id) ?? new Map<string, RelayedPort>();
    const wanted = new Map(relays.map((relay) => [keyOf(relay), relay]));
    for (const [key, port] of ports) {
      if (wanted.has(key)) continue;
      ports.delete(key);
      await port.close();
    }
    owners.set(id, ports);
    const failures: unknown[] = [];
    for (const [key, relay] of wanted) {
      const target = { address: relay.target, port: relay.targetPort };
      const present = ports.get(key);
      if (present) present.target = target;
      else
        await open(relay, target).then(
          (port) => ports.set(key, port),
          (error) => failures.push(error),
        );
    }
    if (ports.size === 0) owners.delete(id);
    if (failures.length > 0) throw failures[0];
  }

  return {
    putRelays,
    async syncRelays({ owners: wanted }) {
      const ids = new Set(wanted.map(({ id }) => id));
      for (const id of owners.keys()) if (!ids.has(id)) await putRelays({ id, relays: [] });
      for (const one of wanted) {
        // A port that another process has taken must not keep the others from being relayed.
        await putRelays(one).catch((error: unknown) => console.error(one.id, error));
      }
    },
  };
}

const keyOf = ({ protocol, address, port }: Relay) => `${protocol} ${address} ${port}`;

async function open(relay: Relay, target: RelayTarget): Promise<RelayedPort> {
  const listen = relay.protocol === "tcp" ? listenTcp : listenUdp;
  const fd = takeSocket(relay);
  if (fd === undefined) return listen({ address: relay.address, port: relay.port }, target);
  try {
    return await listen({ fd }, target);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** @returns undefined when the process that had it has ended, or has closed it */
function takeSocket({ socket, address, port }: Relay): number | undefined {
  if (!socket || !isAlive(socket.pid, socket.startTicks)) return undefined;
  let fd: number;
  try {
    fd = copyDescriptor(socket);
  } catch {
    return undefined;
  }
  if (isBoundTo(fd, encodeIpAddress(ipAddress(address)), port)) return fd;
  closeSync(fd);
  return undefined;
}
