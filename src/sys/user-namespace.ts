import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { formatIdMap, type IdMapping, parseIdMap } from "../formats/id-mapping.ts";
import { check, declare, findSymbol, koffi } from "./libc.ts";
import { makePipe } from "./pipe.ts";
import { spawnProcess } from "./spawn.ts";

const cloneCall = declare("int clone(void *run, void *stack, int flags, void *argument)");
const waitpidCall = declare("int waitpid(int pid, _Out_ int *status, int options)");

const CLONE_NEWUSER = 0x1000_0000;
const CLONE_NEWNET = 0x4000_0000;
const WCLONE = 0x8000_0000 | 0;
const stackBytes = 64 * 1024;

/** Namespaces that have no process. The receiver closes both descriptors. */
export interface UserNamespace {
  userFd: number;
  /** A network namespace that belongs to the user namespace. */
  netFd: number;
}

/**
 * Makes a user namespace, and a network namespace whose owner it is. A process with several threads cannot enter one, so a copy of
 * this process makes both: it does nothing but wait, and is ended here. Takes some milliseconds. @throws SyscallError
 */
export function makeUserNamespace({ uids, gids }: IdMapping): UserNamespace {
  const stack = Buffer.alloc(stackBytes);
  const top = (koffi.address(stack) + BigInt(stackBytes)) & ~15n;
  // Without an exit signal: Node collects only the children that it has started.
  const pid = check(cloneCall(findSymbol("pause"), top, CLONE_NEWUSER | CLONE_NEWNET, null), "clone");
  try {
    writeFileSync(`/proc/${pid}/uid_map`, formatIdMap(uids));
    writeFileSync(`/proc/${pid}/gid_map`, formatIdMap(gids));
    const userFd = openSync(`/proc/${pid}/ns/user`, "r");
    try {
      return { userFd, netFd: openSync(`/proc/${pid}/ns/net`, "r") };
    } catch (error) {
      closeSync(userFd);
      throw error;
    }
  } finally {
    process.kill(pid, "SIGKILL");
    waitpidCall(pid, [0], WCLONE);
  }
}

/**
 * Makes a network namespace that belongs to a user namespace which is there. Takes some milliseconds, since programs enter it.
 * @returns its descriptor, which the caller closes. @throws Error when the user namespace has gone
 */
export function makeNetnsIn(userns: string): number {
  const { readFd, writeFd } = makePipe();
  try {
    const words = [`--user=${userns}`, "unshare", "--net", "sh", "-c", "echo; exec sleep 10"];
    let pid: number;
    try {
      pid = spawnProcess("nsenter", words, ["ignore", writeFd, "ignore"]);
    } finally {
      closeSync(writeFd);
    }
    try {
      if (readSync(readFd, Buffer.alloc(1)) === 0)
        throw new Error(`no network namespace could be made in ${userns}`);
      return openSync(`/proc/${pid}/ns/net`, "r");
    } finally {
      process.kill(pid, "SIGKILL");
      waitpidCall(pid, [0], 0);
    }
  } finally {
    closeSync(readFd);
  }
}

/** How the user namespace of a process maps ids. @throws ENOENT, ESRCH when it has ended */
export function readMappingOf(pid: number): IdMapping {
  const read = (name: string) => parseIdMap(readFileSync(`/proc/${pid}/${name}`, "latin1"));
  return { uids: read("uid_map"), gids: read("gid_map") };
}
