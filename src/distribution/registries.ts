import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { messageOf } from "../errors.ts";
import { readCertificates } from "./certificates.ts";
import type { Connection, Transport } from "./connection.ts";
import { matchesNetworks } from "./proxies.ts";
import { defaultAttempts, dockerHub, dockerHubHost, type RegistrySettings } from "./settings.ts";

/** One place that serves a registry's content. */
export interface RegistryEndpoint {
  /** A mirror's address, or the registry's host. */
  name: string;
  /** A mirror gets no credentials, since they are the registry's. */
  isMirror: boolean;
  /** @throws EngineError when an insecure registry is not there: only asking tells whether it speaks TLS */
  connect(signal?: AbortSignal): Promise<Connection>;
}

/** Where registries are and how they are reached, by the settings of now. */
export interface Registries {
  readonly settings: RegistrySettings;
  readonly transport: Transport;
  /** Replaces the settings for all that begins from now on. */
  reload(settings: RegistrySettings): void;
  /** The mirrors in order, then the registry itself. */
  endpoints(domain: string): RegistryEndpoint[];
  /** The registry itself. */
  own(domain: string): RegistryEndpoint;
}

/** There are others to ask. */
const mirrorAttempts = 2;
/** It may be reconfigured, with TLS or without. */
const schemeLifeMilliseconds = 30_000;

export function openRegistries(initial: RegistrySettings, transport: Transport): Registries {
  let settings = initial;
  /** Insecure registries that were found to speak plain HTTP, or TLS after all. */
  let schemes = new Map<string, { scheme: string; until: number }>();

  async function isInsecure(host: string): Promise<boolean> {
    const name = withoutPort(host);
    if (settings.insecure.some((word) => word === host || word === name)) return true;
    const addresses = isIP(name) ? [{ address: name }] : await lookup(name, { all: true }).catch(() => []);
    const networks = settings.insecure.filter((word) => isIP(word.split("/")[0] ?? ""));
    return addresses.some(({ address }) => matchesNetworks(address, networks));
  }

  function connect(origin: string, isVerified: boolean, most = Number.POSITIVE_INFINITY): Connection {
    const { certificateFolders, proxies, patienceSeconds } = settings;
    const attempts = Math.min(most, defaultAttempts);
    const downloadAttempts = Math.min(most, settings.downloadAttempts);
    const tls = { isVerified, ...readCertificates(certificateFolders, new URL(origin).host) };
    return { origin, tls, proxies, patienceSeconds, attempts, downloadAttempts };
  }

  function own(domain: string): RegistryEndpoint {
    const host = domain === dockerHub ? dockerHubHost : domain;
    return {
      name: host,
      isMirror: false,
      async connect(signal) {
        if (!(await isInsecure(host))) return connect(`https://${host}`, true);
        const known = schemes.get(host);
        if (known && known.until > performance.now()) return connect(`${known.scheme}://${host}`, false);
        const scheme = await findScheme(host, signal);
        schemes.set(host, { scheme, until: performance.now() + schemeLifeMilliseconds });
        return connect(`${scheme}://${host}`, false);
      },
    };
  }

  /** TLS is tried first, as Docker does: a registry that has it wants it used. */
  async function findScheme(host: string, signal?: AbortSignal): Promise<string> {
    const ping = (scheme: string) =>
      transport.request(
        connect(`${scheme}://${host}`, false),
        { method: "GET", url: `${scheme}://${host}/v2/` },
        signal,
      );
    try {
      await ping("https");
      return "https";
    } catch (error) {
      if (signal?.aborted) throw error;
      await ping("http").catch((second) => {
        // What answered in plain is the one to hear.
        throw messageOf(error).includes("HTTP response to HTTPS client") ? second : error;
      });
      return "http";
    }
  }

  return {
    transport,
    get settings() {
      return settings;
    },
    reload(changed) {
      settings = changed;
      schemes = new Map();
    },
    own,
    endpoints: (domain) => [
      ...(settings.mirrors[domain] ?? []).map((origin) => ({
        name: origin,
        isMirror: true,
        connect: async () => connect(origin, !(await isInsecure(new URL(origin).host)), mirrorAttempts),
      })),
      own(domain),
    ],
  };
}

function withoutPort(host: string): string {
  return host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
}
