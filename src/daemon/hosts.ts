import { invalid } from "../errors.ts";
import { findInetAddress } from "../sys/port-socket.ts";

/** Where the engine's API is served. */
export type Host = { text: string } & (
  | { kind: "unix"; path: string }
  /** With `fd`, systemd has opened it, and it listens already. */
  | { kind: "tcp"; address: string; port: number; fd?: number }
  /** A unix socket that systemd has opened; -1 stands for all that it hands over, until each is known. */
  | { kind: "fd"; fd: number }
);

/** @throws EngineError invalid */
export function readHosts(texts: readonly string[], execRoot: string): Host[] {
  return (texts.length > 0 ? texts : [`unix://${execRoot}/berth.sock`]).map(parseDaemonHost);
}

function parseDaemonHost(text: string): Host {
  if (text.startsWith("unix://")) return { text, kind: "unix", path: text.slice("unix://".length) };
  if (text === "fd://") return { text, kind: "fd", fd: -1 };
  const [, address, port] = /^tcp:\/\/\[?([^\]]*?)\]?:(\d+)$/.exec(text) ?? [];
  if (!port) throw invalid(`invalid host "${text}": use unix://PATH, tcp://ADDRESS:PORT or fd://`);
  return { text, kind: "tcp", address: address || "127.0.0.1", port: Number(port) };
}

/** @throws EngineError invalid for an address that others can reach */
export function refuseOpenHost(host: Host): void {
  if (host.kind !== "tcp" || /^(127\.|::1$|localhost$)/.test(host.address)) return;
  throw invalid(
    `${host.text} without TLS gives root on this machine to everyone who can reach it: ` +
      "use --tlsverify, or say --tls=false if that is what you want",
  );
}

/**
 * "fd://" becomes the sockets that were handed over, each of which counts as what it is: one of TCP is to be protected as any other.
 * @param activated descriptors
 * @throws EngineError invalid in Docker's words when there are none; also for one that is open to others, which `mayBeOpen` allows
 */
export function settleHosts(
  { hosts, mayBeOpen }: { hosts: readonly Host[]; mayBeOpen: boolean },
  activated: readonly number[],
): Host[] {
  const settled = hosts.flatMap((host): Host[] => {
    if (host.kind !== "fd") return [host];
    if (activated.length === 0)
      throw invalid("no sockets found via socket activation: make sure the service was started by systemd");
    return activated.map(hostOf);
  });
  if (!mayBeOpen) settled.forEach(refuseOpenHost);
  return settled;
}

function hostOf(fd: number): Host {
  const { address, port } = findInetAddress(fd) ?? {};
  // What is no unix socket either, Node does not listen on.
  if (address === undefined || port === undefined) return { text: `fd://${fd}`, kind: "fd", fd };
  const text = `tcp://${address.includes(":") ? `[${address}]` : address}:${port}`;
  return { text, kind: "tcp", address, port, fd };
}
