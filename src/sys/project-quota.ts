import { closeSync, constants, openSync } from "node:fs";
import { constants as errnos } from "node:os";
import { check, declare, lastErrno, SyscallError } from "./libc.ts";

/*
 * Project quotas (quotactl(2), ioctl_xfs_fssetxattr(2)): what is made in a directory of a project counts towards it. XFS has them,
 * and ext4, by the same calls.
 */

const ioctlAttributes = declare("int ioctl(int fd, ulong request, _Inout_ uint8_t *attributes)");
const FS_IOC_FSGETXATTR = 0x801c581f;
const FS_IOC_FSSETXATTR = 0x401c5820;
/** struct fsxattr: flags, extsize, nextents, project, and what does not concern us. */
const attributesBytes = 28;
const projectOffset = 12;
const inheritFlag = 0x200;

const quotactlFdNumber = 443;
const quotactlFd = declare(
  "long syscall(long number, uint fd, uint command, uint id, _Inout_ uint8_t *data)",
);
const projectQuotas = 2;
const commandOf = (operation: number) => (operation << 8) | projectQuotas;
const Q_XGETQUOTA = 0x5803;
const Q_XSETQLIM = 0x5804;
const Q_XGETQSTATV = 0x5808;

/** struct fs_disk_quota; blocks are of 512 bytes. */
const limitBytes = 112;
const blockBytes = 512n;
const [softBlocks, hardBlocks] = [1 << 2, 1 << 3];
const offsets = { version: 0, kind: 1, fields: 2, project: 4, hard: 8, soft: 16, blocks: 40, inodes: 48 };

/** struct fs_quota_statv. */
const stateBytes = 160;
const enforced = 1 << 5;

/** Whether the file system that a directory is in counts projects, and holds them to their limits. */
export function hasProjectQuotas(directory: string): boolean {
  return withDirectory(directory, (fd) => {
    const state = Buffer.alloc(stateBytes);
    state[0] = 1;
    if (Number(quotactlFd(quotactlFdNumber, fd, commandOf(Q_XGETQSTATV), 0, state)) < 0) return false;
    return (state.readUInt16LE(2) & enforced) !== 0;
  });
}

/** The project of a directory; 0 for none. @throws SyscallError where there are no projects */
export function projectOf(directory: string): number {
  return withDirectory(directory, (fd) => readAttributes(fd).readUInt32LE(projectOffset));
}

/** Whether a project has no limit and no files. @throws SyscallError */
export function isProjectFree(directory: string, project: number): boolean {
  return withDirectory(directory, (fd) => {
    const limit = Buffer.alloc(limitBytes);
    if (Number(quotactlFd(quotactlFdNumber, fd, commandOf(Q_XGETQUOTA), project, limit)) < 0) {
      const errno = lastErrno();
      if (errno === errnos.errno.ENOENT) return true;
      throw new SyscallError("quotactl", errno);
    }
    const { hard, soft, blocks, inodes } = offsets;
    return [hard, soft, blocks, inodes].every((offset) => limit.readBigUInt64LE(offset) === 0n);
  });
}

/** Puts an empty directory into a project, for all that comes into it, and limits that. @throws SyscallError */
export function limitDirectory(directory: string, project: number, sizeBytes: number): void {
  withDirectory(directory, (fd) => {
    const attributes = readAttributes(fd);
    attributes.writeUInt32LE(project, projectOffset);
    attributes.writeUInt32LE((attributes.readUInt32LE(0) | inheritFlag) >>> 0, 0);
    check(Number(ioctlAttributes(fd, FS_IOC_FSSETXATTR, attributes)), "ioctl FS_IOC_FSSETXATTR", directory);
    setLimit(fd, project, sizeBytes);
  });
}

/** Forgets a project's limit. @param directory any on its file system. @throws SyscallError */
export function clearLimit(directory: string, project: number): void {
  withDirectory(directory, (fd) => setLimit(fd, project, 0));
}

function setLimit(fd: number, project: number, sizeBytes: number): void {
  const limit = Buffer.alloc(limitBytes);
  limit[offsets.version] = 1;
  limit[offsets.kind] = projectQuotas;
  limit.writeUInt16LE(softBlocks | hardBlocks, offsets.fields);
  limit.writeUInt32LE(project, offsets.project);
  const blocks = (BigInt(sizeBytes) + blockBytes - 1n) / blockBytes;
  for (const offset of [offsets.hard, offsets.soft]) limit.writeBigUInt64LE(blocks, offset);
  check(Number(quotactlFd(quotactlFdNumber, fd, commandOf(Q_XSETQLIM), project, limit)), "quotactl");
}

function readAttributes(fd: number): Buffer {
  const attributes = Buffer.alloc(attributesBytes);
  check(Number(ioctlAttributes(fd, FS_IOC_FSGETXATTR, attributes)), "ioctl FS_IOC_FSGETXATTR");
  return attributes;
}

function withDirectory<R>(directory: string, use: (fd: number) => R): R {
  const fd = openSync(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return use(fd);
  } finally {
    closeSync(fd);
  }
}
