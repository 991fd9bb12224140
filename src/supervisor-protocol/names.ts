/** Where containers ask for names: 127.0.0.11. The packet filter of their namespace leads its port 53 to another one. */
export const resolverAddress = Uint8Array.of(127, 0, 0, 11);
/** One without an assigned service. A container's own name server has 53 to itself, on all addresses. */
export const resolverPort = 60;

/** An open descriptor of a process on this machine. */
export interface OpenDescriptor {
  pid: number;
  fd: number;
}

/** A namespace that is being made, and the sockets at `resolverAddress` in it, in which questions wait for the resolver. */
export interface HeldNetns extends OpenDescriptor {
  sockets: NameSockets;
}

/** Descriptors of the same process. */
export interface NameSockets {
  udp: number;
  tcp: number;
}

/** A network namespace: one that a process holds open, or that of a process that runs. */
export type NetnsReference = HeldNetns | { pid: number; startTicks: number };

/** What can be called by name on one network. */
export interface NamedEndpoint {
  /** Its name, the last part of "web.backend". */
  network: string;
  /** Tells it from another of that name. */
  networkId: string;
  /** The first is the one that an address leads to. */
  names: string[];
  /** "172.18.0.2", of both families. */
  addresses: string[];
  /** Names that only this sandbox knows, each with the name that it stands for on this network. */
  links: [alias: string, name: string][];
}

/** A container's names, and how it asks for those of others. */
export interface NamedSandbox {
  /** Its owner's: that of a process in the supervisor's care, with whose end the names go. */
  id: string;
  /** Where it is answered; absent for one that is known to others only. */
  netns?: NetnsReference;
  /** In the order in which they are asked. */
  endpoints: NamedEndpoint[];
  /** Its own name servers (`--dns`), asked from where it is. Without any, those of the machine are asked from here. */
  servers: string[];
  /** A name of one label that no container has is looked for nowhere else: the C library goes on with its search domains. */
  hasNdots: boolean;
  /** It has no way out, so the machine's name servers are none of its business. */
  isIsolated: boolean;
}

/** What is asked about the names that containers look up. Each is answered once it is in effect. */
export interface NameMethods {
  /** Makes it known, or replaces what was known of it, and answers it. */
  putNames(sandbox: NamedSandbox): void;
  removeNames(options: { id: string }): void;
  /** Makes exactly these known. `networks` is for resolvers of an older make, which asked nothing elsewhere of a name on one of them. */
  syncNames(options: { sandboxes: NamedSandbox[]; networks: [] }): void;
}
