import { randomInt } from "node:crypto";
import { createSocket, type Socket as UdpSocket } from "node:dgram";
import { isIP, isIPv6, Socket } from "node:net";
import { openNetnsSocket } from "../sys/netns-socket.ts";
import { createMessageReader, frameMessage } from "./frames.ts";
import { doesAnswer, idOf, withId } from "./message.ts";

export type DnsTransport = "udp" | "tcp";

/** A name server, and where it is asked from: the network namespace behind a descriptor, or this process's own. */
export interface Server {
  address: string;
  from?: { readonly netns: number };
}

export const dnsPort = 53;

/**
 * Asks one server, from a port and with an id of its own, so that no other host can guess what an answer must look like.
 * @param signal ends the asking
 * @returns undefined when there is no answer
 */
export async function askServer(
  query: Buffer,
  transport: DnsTransport,
  server: Server,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  // A name would be asked of the machine's resolver.
  if (!isIP(server.address)) return undefined;
  const sent = withId(query, randomInt(65536));
  try {
    const answer = await (transport === "udp" ? askByUdp : askByTcp)(sent, server, signal);
    return answer && withId(answer, idOf(query));
  } catch {
    // Nothing listens there, the container has just gone, or no descriptor is left.
    return undefined;
  }
}

const familyOf = (address: string) => (isIPv6(address) ? 6 : 4);

function askByUdp(
  query: Buffer,
  { address, from }: Server,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const family = familyOf(address);
  const socket = createSocket(family === 4 ? "udp4" : "udp6");
  return new Promise<Buffer | undefined>((resolve, reject) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    socket.on("error", reject);
    socket.on("message", (answer) => {
      if (doesAnswer(answer, query)) resolve(answer);
    });
    const send = () =>
      socket.connect(dnsPort, address, (error?: Error) => (error ? reject(error) : socket.send(query)));
    if (from === undefined) send();
    else socket.bind({ fd: openNetnsSocket(from.netns, { protocol: "udp", family }) }, send);
  }).finally(() => close(socket));
}

function close(socket: UdpSocket): void {
  try {
    socket.close();
  } catch {
    // It could not be opened.
  }
}

function askByTcp(
  query: Buffer,
  { address, from }: Server,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  const family = familyOf(address);
  const socket =
    from === undefined
      ? new Socket()
      : new Socket({ fd: openNetnsSocket(from.netns, { protocol: "tcp", family }) });
  return new Promise<Buffer | undefined>((resolve, reject) => {
    signal.addEventListener("abort", () => resolve(undefined), { once: true });
    const read = createMessageReader((answer) => {
      if (doesAnswer(answer, query)) resolve(answer);
    });
    socket
      .on("error", reject)
      .on("close", () => resolve(undefined))
      .on("data", read);
    socket.connect(dnsPort, address, () => socket.write(frameMessage(query)));
  }).finally(() => socket.destroy());
}
