import { readFileSync } from "node:fs";
import path from "node:path";
import { parseSshAddress, type SshAddress } from "./ssh.ts";

/** Where a daemon listens. `display` is the address as the user wrote it, for messages. */
export type HostAddress = { display: string } & (
  | { kind: "unix"; socketPath: string }
  | { kind: "ssh"; address: SshAddress }
  | { kind: "tcp"; host: string; port: number; basePath: string; tls: TlsFiles | undefined }
);

export interface TlsFiles {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  /** False for `--tls` without verification. */
  isVerified: boolean;
}

export const defaultHost = "unix:///run/berth/berth.sock";

/** Where nothing else is said: the launcher names Docker's own socket when it is called by Docker's name. */
export const usualHost = ({ BERTH_DEFAULT_HOST }: NodeJS.ProcessEnv): string =>
  BERTH_DEFAULT_HOST || defaultHost;

/**
 * Parses `unix:///path`, `tcp://host:port`, `http://…`, `https://…` or `fd://`-less forms as Docker's clients accept.
 * @throws Error with Docker's text for a host that cannot be understood.
 */
export function parseHost(host: string, tls?: TlsFiles): HostAddress {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(.*)$/i.exec(host);
  if (match === null) throw new Error(`unable to parse docker host \`${host}\``);
  const scheme = match[1]!.toLowerCase();
  const rest = match[2]!;
  if (scheme === "unix") return { kind: "unix", socketPath: rest || "/run/berth/berth.sock", display: host };
  if (scheme === "ssh") return { kind: "ssh", address: parseSshAddress(host), display: host };
  if (scheme !== "tcp" && scheme !== "http" && scheme !== "https") {
    throw new Error(`unable to parse docker host \`${host}\`: protocol ${scheme} is not supported`);
  }
  // Not as a URL: that forgets a port 80, and knows no host without a name.
  const [, authority = "", folder = ""] = /^(?:[^@/]*@)?([^/?#]*)([^?#]*)/.exec(rest) ?? [];
  const [, bracketed, plain, digits = ""] = /^(?:\[([^\]]*)\]|([^:[\]]*))(?::(\d*))?$/.exec(authority) ?? [];
  if ((bracketed ?? plain) === undefined || Number(digits) > 65535)
    throw new Error(`invalid bind address format: ${host}`);
  const security = tls ?? (scheme === "https" ? { isVerified: true } : undefined);
  const port = digits === "" ? (security === undefined ? 2375 : 2376) : Number(digits);
  return {
    kind: "tcp",
    host: bracketed || plain || "localhost",
    port,
    basePath: folder.replace(/\/$/, ""),
    tls: security,
    display: host,
  };
}

/** Reads `ca.pem`, `cert.pem` and `key.pem` as Docker lays them out; a missing one is left out. */
export function readTlsFiles(files: {
  ca?: string;
  cert?: string;
  key?: string;
  isVerified: boolean;
}): TlsFiles {
  return {
    isVerified: files.isVerified,
    ...(files.ca !== undefined && { ca: readFileSync(files.ca) }),
    ...(files.cert !== undefined && { cert: readFileSync(files.cert) }),
    ...(files.key !== undefined && { key: readFileSync(files.key) }),
  };
}

/** The files of a DOCKER_CERT_PATH folder. */
export function certFolderFiles(folder: string) {
  return {
    ca: path.join(folder, "ca.pem"),
    cert: path.join(folder, "cert.pem"),
    key: path.join(folder, "key.pem"),
  };
}
