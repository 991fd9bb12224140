import type { ProxyConfig } from "../config.ts";
import type { CreateFlags } from "./create-flags.ts";

/** What a command line that makes a container has said, with what it may take from its surroundings. */
export interface CreateInput {
  flags: CreateFlags;
  given: ReadonlySet<string>;
  image: string;
  command: readonly string[];
  env: Record<string, string | undefined>;
  /** The daemon's socket, for --use-api-socket. */
  apiSocket: string;
  /** Proxies of config.json for this daemon. */
  proxies?: { all: Record<string, ProxyConfig> | undefined; host: string };
}
