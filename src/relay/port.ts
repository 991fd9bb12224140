/** Where what comes in goes on to. */
export interface RelayTarget {
  address: string;
  port: number;
}

/** A port that is relayed. */
export interface RelayedPort {
  /** What comes from now on goes there. */
  target: RelayTarget;
  /** Ends all that is under way as well. */
  close(): Promise<void>;
}

/** Where it is bound: a socket that is there, or an address. */
export type BindPlace = { fd: number } | { address: string; port: number };
