import { check, declare, SyscallError } from "./libc.ts";
import {
  decodeErrno,
  decodeMessages,
  encodeMessage,
  messageFlag,
  messageType,
  type NetlinkMessage,
} from "./netlink-message.ts";
import {
  type Batch,
  encodeElementBatch,
  encodeOwningBatch,
  encodeTableRemovalBatch,
  type SetElement,
} from "./nftables-message.ts";
import { encodeTableBatch, type FilterTable } from "./nftables-rule.ts";

const socket = declare("int socket(int domain, int type, int protocol)");
const send = declare("long send(int fd, const void *bytes, size_t length, int flags)");
const receive = declare("long recv(int fd, void *bytes, size_t length, int flags)");
const bind = declare("int bind(int fd, const void *address, unsigned int length)");
const getName = declare("int getsockname(int fd, void *address, void *length)");
const close = declare("int close(int fd)");

const netlinkFamily = 16;
const rawSocket = 3;
const closeOnExec = 0o2000000;
const waitForAll = 0;
/** `struct sockaddr_nl`, with the port at 4. */
const addressBytes = 12;
const portOffset = 4;
/** The kernel fills dump datagrams up to 32 KiB. */
const receiveBytes = 64 * 1024;
let received: Buffer | undefined;

export const netlinkProtocol = { route: 0, sockets: 4, netfilter: 12 } as const;

interface Request {
  type: number;
  flags: number;
  payload: Buffer;
}

/**
 * A netlink socket that belongs to the network namespace its thread was in when it was made, wherever the thread goes
 * later. Calls wait for the kernel's answer, so it has its place on a worker thread. The owner closes it.
 */
export class NetlinkSocket {
  readonly #fd: number;
  #sequence = 0;

  constructor(protocol: number) {
    this.#fd = check(socket(netlinkFamily, rawSocket | closeOnExec, protocol), "socket", "netlink");
  }

  /**
   * Sends all requests at once; the kernel carries them out in order and goes on after a failed one.
   * @throws SyscallError of the first that failed, when all are answered.
   */
  request(requests: readonly Request[], subject?: string): void {
    if (requests.length === 0) return;
    const first = this.#sequence + 1;
    const datagram = requests.map((request) =>
      encodeMessage({
        ...request,
        flags: request.flags | messageFlag.request | messageFlag.acknowledge,
        sequence: ++this.#sequence,
      }),
    );
    this.#send(Buffer.concat(datagram), subject);
    let waiting = requests.length;
    let failure: SyscallError | undefined;
    while (waiting > 0) {
      for (const message of this.#receive(subject)) {
        if (message.type !== messageType.error || message.sequence < first) continue;
        waiting--;
        const errno = decodeErrno(message.payload);
        if (errno !== 0) failure ??= new SyscallError("netlink", errno, subject);
      }
    }
    if (failure) throw failure;
  }

  /**
   * Sends an nftables transaction: all of it takes effect, or nothing.
   * @throws SyscallError of the first element that failed: EEXIST, ENOENT for table, map or element, …
   */
  changeElements(table: string, elements: SetElement[]): void {
    if (elements.length === 0) return;
    this.#transact(encodeElementBatch(table, elements, this.#sequence + 1), table);
  }

  /** Makes an `inet` table this socket's own (encodeOwningBatch). @throws SyscallError EOPNOTSUPP, … on an older kernel */
  ownTable(table: string): void {
    this.#transact(encodeOwningBatch(table, this.#sequence + 1), table);
  }

  /** @throws SyscallError ENOENT */
  removeTable(table: string): void {
    this.#transact(encodeTableRemovalBatch(table, this.#sequence + 1), table);
  }

  /** @throws SyscallError EEXIST when there is such a table */
  addTable(table: FilterTable): void {
    this.#transact(encodeTableBatch(table, this.#sequence + 1), table.table);
  }

  #transact({ bytes, first, acknowledged }: Batch, table: string): void {
    this.#sequence = acknowledged + 1;
    this.#send(bytes, table);
    let failure: SyscallError | undefined;
    for (;;) {
      for (const message of this.#receive(table)) {
        if (message.type !== messageType.error || message.sequence < first) continue;
        const errno = decodeErrno(message.payload);
        if (errno !== 0) failure ??= new SyscallError("nftables", errno, table);
        // A transaction refused as a whole is answered at its begin only.
        if (message.sequence !== acknowledged && !(message.sequence === first && failure)) continue;
        if (failure) throw failure;
        return;
      }
    }
  }

  /** All objects the kernel has of that kind, as payloads. Asks again when the list changed meanwhile. */
  dump(type: number, payload: Buffer): Buffer[] {
    return this.find(type, payload, (answer) => Buffer.from(answer));
  }

  /** What `pick` makes of them: of many, few need to be kept. @param pick gets a payload that is valid until it returns */
  find<R>(type: number, payload: Buffer, pick: (payload: Buffer) => R | undefined): R[] {
    for (;;) {
      const sequence = ++this.#sequence;
      const flags = messageFlag.request | messageFlag.dump;
      this.#send(encodeMessage({ type, flags, sequence, payload }), "dump");
      const answer = this.#receiveDump(sequence, pick);
      if (answer) return answer;
    }
  }

  /** The one object asked for. @throws SyscallError ENODEV when there is none. */
  get(type: number, payload: Buffer, subject?: string): Buffer {
    const sequence = ++this.#sequence;
    this.#send(encodeMessage({ type, flags: messageFlag.request, sequence, payload }), subject);
    for (;;) {
      for (const message of this.#receive(subject)) {
        if (message.sequence !== sequence) continue;
        if (message.type !== messageType.error) return Buffer.from(message.payload);
        throw new SyscallError("netlink", decodeErrno(message.payload), subject);
      }
    }
  }

  /** What the kernel's announcements call it. Call it before anything is sent. */
  bindPort(): number {
    const address = Buffer.alloc(addressBytes);
    address.writeUInt16LE(netlinkFamily);
    check(bind(this.#fd, address, addressBytes), "bind", "netlink");
    const length = Buffer.alloc(4);
    length.writeUInt32LE(addressBytes);
    check(getName(this.#fd, address, length), "getsockname", "netlink");
    return address.readUInt32LE(portOffset);
  }

  close(): void {
    close(this.#fd);
  }

  #receiveDump<R>(sequence: number, pick: (payload: Buffer) => R | undefined): R[] | undefined {
    const picked: R[] = [];
    let interrupted = false;
    for (;;) {
      for (const message of this.#receive("dump")) {
        if (message.sequence !== sequence) continue;
        if (message.flags & messageFlag.dumpInterrupted) interrupted = true;
        if (message.type === messageType.done) return interrupted ? undefined : picked;
        if (message.type === messageType.error)
          throw new SyscallError("netlink", decodeErrno(message.payload), "dump");
        const one = pick(message.payload);
        if (one !== undefined) picked.push(one);
      }
    }
  }

  #send(datagram: Buffer, subject?: string): void {
    check(send(this.#fd, datagram, datagram.length, 0), "send", subject);
  }

  /**
   * The messages of one datagram, valid until the next is received. All of a thread's sockets share a buffer: one for each datagram
   * would count as in use, megabytes of them, until a collection of the whole heap, which a thread of few objects rarely has.
   */
  #receive(subject?: string): NetlinkMessage[] {
    received ??= Buffer.allocUnsafeSlow(receiveBytes);
    const length = check(receive(this.#fd, received, received.length, waitForAll), "recv", subject);
    return decodeMessages(received.subarray(0, length));
  }
}
