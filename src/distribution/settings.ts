import { isIP } from "node:net";
import { invalid } from "../errors.ts";
import type { ProxySettings } from "./connection.ts";

/** What the user says of registries. */
export interface RegistrySettings {
  /** Addresses to ask before the registry itself, by its domain. */
  mirrors: Record<string, string[]>;
  /** "host", "host:port" or a network: TLS is not verified there, and plain HTTP is tried. */
  insecure: string[];
  /** Folders with a folder for each registry (`<host>[:<port>]`) with `*.crt`, and `*.cert` with `*.key`. */
  certificateFolders: string[];
  proxies: ProxySettings;
  /** At a time. */
  downloads: number;
  uploads: number;
  /** How often a blob's download is tried that fails for a reason which may pass. */
  downloadAttempts: number;
  patienceSeconds: number;
  /** A layer that unpacks to more than this and two hundred times its own size is taken for an attack on the disk. */
  bombBytes: number;
  /** Whether compressed layers stay as they came, beside what they were unpacked to. */
  keepsCompressed: boolean;
}

export const dockerHub = "docker.io";
/** The host that answers for docker.io. */
export const dockerHubHost = "registry-1.docker.io";
export const defaultAttempts = 5;
/** Of this machine: registries in them are insecure whatever is configured. */
export const ownNetworks: readonly string[] = ["127.0.0.0/8", "::1/128"];

export const defaultRegistrySettings: RegistrySettings = {
  mirrors: {},
  insecure: [...ownNetworks],
  certificateFolders: ["/etc/docker/certs.d"],
  proxies: { exceptions: [] },
  downloads: 3,
  uploads: 5,
  downloadAttempts: defaultAttempts,
  patienceSeconds: 60,
  bombBytes: 4 * 1024 ** 3,
  keepsCompressed: true,
};

/**
 * "https://mirror.example" for Docker Hub, "ghcr.io=https://mirror.example" for another registry.
 * @throws invalid
 */
export function parseMirrors(words: readonly string[]): Record<string, string[]> {
  const mirrors: Record<string, string[]> = {};
  for (const word of words) {
    const [, domain = dockerHub, address = word] = /^([^=/]+)=(.+)$/.exec(word) ?? [];
    const url = URL.canParse(address) ? new URL(address) : undefined;
    if (!url || !/^https?:$/.test(url.protocol))
      throw invalid(`invalid mirror: "${word}" is not a valid http or https address`);
    if (url.search || url.hash || url.username || url.pathname !== "/")
      throw invalid(`invalid mirror: "${word}" may have neither path, query nor credentials`);
    mirrors[domain] = [...(mirrors[domain] ?? []), url.origin];
  }
  return mirrors;
}

/** @throws invalid */
export function parseInsecure(words: readonly string[]): string[] {
  for (const word of words) {
    if (word.includes("://")) throw invalid(`insecure registry ${word} should not contain '://'`);
    const [base = "", length] = word.split("/");
    const isNetwork = length === undefined || (isIP(base) !== 0 && /^\d{1,3}$/.test(length));
    if (word === "" || !isNetwork)
      throw invalid(`insecure registry ${word} is not valid: use HOST[:PORT] or a network`);
  }
  return [...words, ...ownNetworks];
}
