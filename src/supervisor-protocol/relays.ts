import type { OpenDescriptor } from "./names.ts";

/** A port of this machine whose connections or packets go on to a container by way of a process, since NAT cannot carry them. */
export interface Relay {
  protocol: "tcp" | "udp";
  /** An IPv6 address of this machine, "::" for all. */
  address: string;
  port: number;
  /** The container's own address, of either family. */
  target: string;
  targetPort: number;
  /** A socket that is bound there already; without it, or when its process has ended, the relay makes its own. */
  socket?: BoundSocket;
}

interface BoundSocket extends OpenDescriptor {
  /** Tells the process from another with its pid. */
  startTicks: number;
}

export interface OwnerRelays {
  /** Their owner's: that of a process in the supervisor's care, with whose end they go. */
  id: string;
  relays: Relay[];
}

/** What is asked about relayed ports. Each is answered once it is in effect. */
export interface RelayMethods {
  /** Makes exactly these an owner's; none at all takes all away. */
  putRelays(options: OwnerRelays): void;
  /** Makes exactly these all there are. */
  syncRelays(options: { owners: OwnerRelays[] }): void;
}
