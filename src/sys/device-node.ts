import type { ByteString } from "../formats/tar-entry.ts";
import { check, declare } from "./libc.ts";
import { cString } from "./safe-path.ts";

const mknodat = declare("int mknodat(int directory, const void *path, unsigned int mode, uint64_t device)");

const kinds = { characterDevice: 0o020000, blockDevice: 0o060000, fifo: 0o010000 };

/** Makes `name` in an open directory; permission bits are cut by the umask. @throws SyscallError EEXIST, EPERM, … */
export function makeNode(
  directoryFd: number,
  name: ByteString,
  kind: keyof typeof kinds,
  device: { major: number; minor: number },
): void {
  const number = encodeDevice(device.major, device.minor);
  check(Number(mknodat(directoryFd, cString(name), kinds[kind] | 0o600, number)), "mknod", name);
}

/** The kernel's 64-bit device number (makedev(3)). */
function encodeDevice(major: number, minor: number): bigint {
  const [a, b] = [BigInt(major), BigInt(minor)];
  return (b & 0xffn) | ((a & 0xfffn) << 8n) | ((b & ~0xffn & 0xffffffffn) << 12n) | ((a & ~0xfffn) << 32n);
}

export function decodeDevice(device: bigint): { major: number; minor: number } {
  return {
    major: Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn)),
    minor: Number((device & 0xffn) | ((device >> 12n) & ~0xffn & 0xffffffffn)),
  };
}
