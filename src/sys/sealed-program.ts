import { closeSync, copyFileSync, openSync, readSync, type Stats, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { check, declare, SyscallError } from "./libc.ts";

const memfdCreate = declare("int memfd_create(const char *name, uint flags)");
const fcntl = declare("int fcntl(int fd, int command, int argument)");

const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
/** Linux 6.3 or newer. */
const MFD_EXEC = 0x10;
const F_ADD_SEALS = 1033;
const F_SEAL_SEAL = 1;
const F_SEAL_SHRINK = 2;
const F_SEAL_GROW = 4;
const F_SEAL_WRITE = 8;
const elfMagic = "\x7fELF";

interface Sealed {
  version: string;
  fd: number;
  lookedAt: number;
}

const sealed = new Map<string, Sealed>();

/** Hundreds of health checks may come a second, and PATH has many folders. */
const trustedMilliseconds = 1000;

/**
 * A path to execute an OCI runtime from: a sealed copy of it in memory. It is made once, and again when the file changes. For a name,
 * a change is seen within a second. A runtime that finds itself in a file that could be written to through a container's
 * `/proc/self/exe` (CVE-2019-5736) makes such a copy for each command and executes itself a second time; in a sealed one it goes on
 * at once.
 * @param program a path, or a name to be found in PATH
 * @returns good for a child of the calling process, until the next call; `program` itself where it cannot be copied
 */
export function sealProgram(program: string): string {
  const known = sealed.get(program);
  const now = performance.now();
  const isSearched = !program.includes("/");
  if (known && isSearched && now - known.lookedAt < trustedMilliseconds) return pathOf(known.fd);
  const found = findProgram(program);
  if (!found) return program;
  const version = `${found.stats.dev}:${found.stats.ino}:${found.stats.size}:${found.stats.mtimeMs}`;
  if (known?.version === version) {
    known.lookedAt = now;
    return pathOf(known.fd);
  }
  if (known) closeSync(known.fd);
  sealed.delete(program);
  const fd = isElf(found.path) ? copySealed(found.path) : undefined;
  if (fd === undefined) return program;
  sealed.set(program, { version, fd, lookedAt: now });
  return pathOf(fd);
}

const pathOf = (fd: number) => `/proc/self/fd/${fd}`;

function findProgram(program: string): { path: string; stats: Stats } | undefined {
  const folders = program.includes("/") ? [""] : (process.env.PATH ?? "").split(delimiter);
  for (const folder of folders) {
    const path = join(folder, program);
    const stats = statSync(path, { throwIfNoEntry: false });
    if (stats?.isFile()) return { path, stats };
  }
  return undefined;
}

/** A script's interpreter would be given a descriptor that is closed by then. */
function isElf(path: string): boolean {
  const start = Buffer.alloc(elfMagic.length);
  const fd = openSync(path, "r");
  try {
    readSync(fd, start);
  } finally {
    closeSync(fd);
  }
  return start.toString("latin1") === elfMagic;
}

/** Undefined where the system forbids it (`vm.memfd_noexec`) or has no memory for it. */
function copySealed(path: string): number | undefined {
  let fd: number | undefined;
  try {
    fd = createMemfd();
    copyFileSync(path, `/proc/self/fd/${fd}`);
    check(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), "fcntl");
    return fd;
  } catch {
    if (fd !== undefined) closeSync(fd);
    return undefined;
  }
}

function createMemfd(): number {
  const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  try {
    return check(memfdCreate("runtime", flags | MFD_EXEC), "memfd_create");
  } catch (error) {
    if (!(error instanceof SyscallError && error.code === "EINVAL")) throw error;
    return check(memfdCreate("runtime", flags), "memfd_create");
  }
}
