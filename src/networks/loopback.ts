import { hasCode } from "../errors.ts";
import type { Bridge } from "./bridge.ts";
import type { Kernel } from "./kernel.ts";
import type { KnownPublications } from "./known-publications.ts";

/**
 * Whether bridges route 127.0.0.0/8 (route_localnet), which the kernel needs to carry a connection from this machine's
 * loopback to a container. Without the table's guard it would also carry a container's packets to whatever listens on
 * 127.0.0.1, so a bridge does it only while a container there has a port published on loopback.
 */
export interface LoopbackRoutes {
  /** Call it when the guard is in place. */
  follow(bridges: readonly Bridge[], published: KnownPublications): Promise<void>;
  /** No bridge routes loopback until `follow` is called again. */
  close(bridges: readonly Bridge[]): Promise<void>;
  /** The next call sets every bridge, whatever an earlier one has set: the bridge may be a new one. */
  forget(): void;
}

/** @param beforeOpening makes sure of the guard */
export function createLoopbackRoutes(kernel: Kernel, beforeOpening: () => Promise<void>): LoopbackRoutes {
  /** What was set last, by link. */
  const known = new Map<string, boolean>();

  async function set({ link }: Bridge, isOpen: boolean): Promise<void> {
    if (known.get(link) === isOpen) return;
    if (isOpen) await beforeOpening();
    known.set(link, isOpen);
    try {
      await kernel.setSysctl({ path: `net/ipv4/conf/${link}/route_localnet`, value: isOpen ? "1" : "0" });
    } catch (error) {
      known.delete(link);
      // A bridge that is gone routes nothing.
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }

  return {
    async follow(bridges, published) {
      for (const bridge of bridges) await set(bridge, published.needsLoopback(bridge.link));
    },
    async close(bridges) {
      known.clear();
      for (const bridge of bridges) await set(bridge, false);
    },
    forget: () => known.clear(),
  };
}
