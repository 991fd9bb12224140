// Runs inside a network namespace: `send-frame.ts LINK HEX` sends one Ethernet frame, as a process with NET_RAW can.
import { check, declare } from "../../src/sys/libc.ts";

const socket = declare("int socket(int domain, int type, int protocol)");
const indexOf = declare("int if_nametoindex(const char *name)");
const sendTo = declare(
  "long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, unsigned int addressLength)",
);

const [link = "", hex = ""] = process.argv.slice(2);
const packetFamily = 17;
const address = Buffer.alloc(20);
address.writeUInt16LE(packetFamily, 0);
address.writeInt32LE(check(indexOf(link), "if_nametoindex", link), 4);
const frame = Buffer.from(hex, "hex");
const fd = check(socket(packetFamily, 3, 0), "socket", "packet");
check(Number(sendTo(fd, frame, frame.length, 0, address, address.length)), "sendto", link);
