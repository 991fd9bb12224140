import { encodeDevice } from "../formats/device-number.ts";
import type { ByteString } from "../formats/tar/tar-entry.ts";
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
