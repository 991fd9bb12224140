import { internal } from "../errors.ts";
import type { PortRange } from "../formats/container-port.ts";
import { formatIpAddress } from "../formats/ip-address.ts";
import { createPauses } from "../sys/pauses.ts";
import { readSysctl } from "../sys/sysctl.ts";
import { createHeldPorts } from "./held-ports.ts";
import type { Publication } from "./port-map.ts";
import type { PortGroup } from "./publish-targets.ts";

/** The ports of this machine that this engine holds. */
export interface PortReservations {
  /** Takes a host port for each, or none. Thousands are bound with pauses. @throws internal "Bind for … failed: port is already allocated" */
  take(ownerId: string, groups: readonly PortGroup[]): Promise<Publication[]>;
  /**
   * Takes one that is in use already, after a restart, if it is not taken still. False when another process has got hold of it.
   * @param isRelayed the relay may have it
   */
  retake(ownerId: string, publication: Publication, isRelayed: boolean): boolean;
  /** The descriptor of the socket that it is taken with; undefined where there is none. */
  socketOf(ownerId: string, publication: Publication): number | undefined;
  /** Those of other owners stay. */
  release(ownerId: string, publications: readonly Publication[]): Promise<void>;
}

export function createPortReservations(freePorts: PortRange): PortReservations {
  const { reserve, retake, socketOf, release } = createHeldPorts();
  let nextFree = freePorts.first;

  /** The same port on all addresses, or undefined, and then none. */
  function takeAt(ownerId: string, hostPort: number, group: PortGroup): Publication[] | undefined {
    const { places, protocol, containerPort } = group;
    const taken: Publication[] = [];
    let isDone = false;
    try {
      isDone = places.every(({ hostAddress, containerAddress }) => {
        if (!reserve(ownerId, { protocol, hostAddress, hostPort })) return false;
        taken.push({ protocol, hostAddress, hostPort, containerAddress, containerPort });
        return true;
      });
    } finally {
      if (!isDone) for (const one of taken) release(ownerId, one);
    }
    return isDone ? taken : undefined;
  }

  function takeAny(ownerId: string, group: PortGroup): Publication[] {
    for (let tries = freePorts.first; tries <= freePorts.last; tries++) {
      const port = nextFree;
      nextFree = nextFree >= freePorts.last ? freePorts.first : nextFree + 1;
      const taken = takeAt(ownerId, port, group);
      if (taken) return taken;
    }
    throw internal("all ports are allocated");
  }

  function takeOne(ownerId: string, group: PortGroup): Publication[] {
    const { firstPort, lastPort, places } = group;
    if (firstPort === 0) return takeAny(ownerId, group);
    for (let port = firstPort; port <= lastPort; port++) {
      const taken = takeAt(ownerId, port, group);
      if (taken) return taken;
    }
    const [first] = places;
    const address = first && formatIpAddress(first.hostAddress);
    throw internal(
      firstPort === lastPort
        ? `Bind for ${address}:${firstPort} failed: port is already allocated`
        : `Bind for ${address}:${firstPort}-${lastPort} failed: all ports are allocated`,
    );
  }

  async function releaseAll(ownerId: string, publications: readonly Publication[]): Promise<void> {
    const pauses = createPauses();
    for (const one of publications) {
      release(ownerId, one);
      await pauses.take();
    }
  }

  return {
    async take(ownerId, groups) {
      const taken: Publication[] = [];
      const pauses = createPauses();
      try {
        for (const group of groups) {
          taken.push(...takeOne(ownerId, group));
          await pauses.take();
        }
      } catch (error) {
        await releaseAll(ownerId, taken);
        throw error;
      }
      return taken;
    },
    retake: (ownerId, publication, isRelayed) =>
      publication.hostPort === 0 || retake(ownerId, publication, isRelayed),
    socketOf,
    release: releaseAll,
  };
}

/** The range the kernel gives ports without a number from (net.ipv4.ip_local_port_range). */
export function readFreePorts(): PortRange {
  const [first, last] = readSysctl("net/ipv4/ip_local_port_range").split(/\s+/).map(Number);
  return first && last && first <= last ? { first, last } : { first: 32768, last: 60999 };
}
