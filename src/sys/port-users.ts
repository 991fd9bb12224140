import { NetlinkSocket, netlinkProtocol } from "./netlink.ts";
import { decodeAttributes, zeroes } from "./netlink-message.ts";
import type { PortProtocol } from "./port-socket.ts";

/** A socket of any process that has a port. */
interface PortUser {
  family: number;
  state: number;
  /** 4 or 16 bytes in network order. */
  address: Buffer;
  remotePort: number;
  isIpv6Only: boolean;
}

const byFamily = 20;
const families = { inet: 2, inet6: 10 };
const protocols = { tcp: 6, udp: 17 };
/** Of `struct inet_diag_req_v2` and `struct inet_diag_msg`: both have a `struct inet_diag_sockid`. */
const request = { bytes: 56, states: 4, port: 8 };
const answer = { bytes: 72, port: 4, remotePort: 6, address: 8 };
const ipv6OnlyAttribute = 11;
const allStates = 0xffffffff;
const listening = 10;
/** Bound, and no more: Linux 6.8 and newer show those, too. */
const closed = 7;
const mappedPrefix = Buffer.from("00000000000000000000ffff", "hex");

/**
 * Whether a port that cannot be bound is another's who is to get what comes to it: one that listens, or has bound it. A connection that
 * has it as its source claims nothing. In doubt it is another's. `address` is 4 or 16 bytes in network order.
 */
export function isPortClaimed(protocol: PortProtocol, address: Uint8Array, port: number): boolean {
  if (protocol === "sctp") return true;
  let users: PortUser[];
  try {
    users = listUsers(protocol, port).filter((user) => doesClash(user, Buffer.from(address)));
  } catch {
    // A kernel without the module that tells.
    return true;
  }
  // One that is only bound is not seen on an older kernel.
  if (users.length === 0) return true;
  return users.some(({ state, remotePort }) =>
    protocol === "tcp" ? state === listening || state === closed : remotePort === 0,
  );
}

function listUsers(protocol: "tcp" | "udp", port: number): PortUser[] {
  const socket = new NetlinkSocket(netlinkProtocol.sockets);
  try {
    return Object.values(families).flatMap((family) => {
      const query = zeroes(request.bytes);
      query.set([family, protocols[protocol]]);
      query.writeUInt32LE(allStates, request.states);
      query.writeUInt16BE(port, request.port);
      return socket.find(byFamily, query, (payload) => decodeUser(payload, port));
    });
  } finally {
    socket.close();
  }
}

function decodeUser(payload: Buffer, port: number): PortUser | undefined {
  if (payload.readUInt16BE(answer.port) !== port) return undefined;
  const [family = 0, state = 0] = payload;
  const length = family === families.inet6 ? 16 : 4;
  const flag = decodeAttributes(payload.subarray(answer.bytes)).get(ipv6OnlyAttribute);
  return {
    ...{ family, state },
    address: Buffer.from(payload.subarray(answer.address, answer.address + length)),
    remotePort: payload.readUInt16BE(answer.remotePort),
    isIpv6Only: flag?.[0] === 1,
  };
}

const isAny = (address: Buffer) => address.every((byte) => byte === 0);

function doesClash(user: PortUser, wanted: Buffer): boolean {
  const { address, isIpv6Only } = user;
  if (wanted.length === address.length) return isAny(address) || isAny(wanted) || address.equals(wanted);
  // What is taken for IPv6 here is so alone: an IPv4 socket is no clash.
  if (wanted.length === 16) return false;
  if (isAny(address)) return !isIpv6Only;
  return (
    address.subarray(0, 12).equals(mappedPrefix) && (isAny(wanted) || address.subarray(12).equals(wanted))
  );
}
