import { constants } from "node:os";
import type { ByteString } from "../formats/tar/tar-entry.ts";
import { check, declare, lastErrno, SyscallError } from "./libc.ts";
import { cString } from "./safe-path.ts";

const lsetxattr = declare(
  "int lsetxattr(const void *path, const void *name, const void *value, size_t size, int flags)",
);
const fsetxattr = declare(
  "int fsetxattr(int fd, const void *name, const void *value, size_t size, int flags)",
);
const lgetxattr = declare("long lgetxattr(const void *path, const void *name, void *value, size_t size)");
const fgetxattr = declare("long fgetxattr(int fd, const void *name, void *value, size_t size)");
const llistxattr = declare("long llistxattr(const void *path, void *list, size_t size)");
const flistxattr = declare("long flistxattr(int fd, void *list, size_t size)");

const { ENOTSUP, ERANGE, ENODATA } = constants.errno;

type Path = string | Buffer;

function pathBytes(path: Path): Buffer {
  return typeof path === "string" ? Buffer.from(`${path}\0`) : Buffer.concat([path, Buffer.alloc(1)]);
}

/**
 * Sets an attribute of an open file (not one opened with O_PATH), or of the file at a path, not of what a link there
 * points to. Returns false when the file system has no such attributes.
 */
export function setXattr(file: number | Path, name: ByteString, value: Buffer): boolean {
  const bytes = value.length > 0 ? value : Buffer.alloc(1);
  const result = Number(
    typeof file === "number"
      ? fsetxattr(file, cString(name), bytes, value.length, 0)
      : lsetxattr(pathBytes(file), cString(name), bytes, value.length, 0),
  );
  if (result < 0 && lastErrno() === ENOTSUP) return false;
  check(result, "setxattr", name);
  return true;
}

/** Returns undefined when the file has no such attribute. @param file as for `setXattr` */
export function getXattr(file: number | Path, name: ByteString): Buffer | undefined {
  return readSized((buffer) =>
    Number(
      typeof file === "number"
        ? fgetxattr(file, cString(name), buffer, buffer.length)
        : lgetxattr(pathBytes(file), cString(name), buffer, buffer.length),
    ),
  );
}

/** Names of all attributes, in the kernel's order; none when the file system has no such thing. @param file as for `setXattr` */
export function listXattrs(file: number | Path): ByteString[] {
  const list = readSized((buffer) =>
    Number(
      typeof file === "number"
        ? flistxattr(file, buffer, buffer.length)
        : llistxattr(pathBytes(file), buffer, buffer.length),
    ),
  );
  return list ? list.toString("latin1").split("\0").filter(Boolean) : [];
}

const firstTry = Buffer.alloc(1024);

function readSized(read: (buffer: Buffer) => number): Buffer | undefined {
  for (let buffer = firstTry; ; buffer = Buffer.alloc(65536)) {
    const size = read(buffer);
    if (size >= 0) return Buffer.from(buffer.subarray(0, size));
    const errno = lastErrno();
    if (errno === ENODATA || errno === ENOTSUP) return undefined;
    if (errno !== ERANGE || buffer.length > firstTry.length) throw new SyscallError("getxattr", errno);
  }
}
