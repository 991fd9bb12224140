import { closeSync, openSync, readFileSync, readSync, writeFileSync } from "node:fs";
import { formatIdMap, type IdMapping, parseIdMap } from "../formats/id-mapping.ts";
import { declare } from "./libc.ts";
import { makePipe } from "./pipe.ts";
import { spawnProcess } from "./spawn.ts";

const waitpidCall = declare("int waitpid(int pid, _Out_ int *status, int options)");

/** Namespaces that have no process. The receiver closes both descriptors. */
export interface UserNamespace {
  userFd: number;
  /** A network namespace that belongs to the user namespace. */
  netFd: number;
}

/** Makes a user namespace, and a network namespace whose owner it is. Takes some milliseconds. @throws Error, SyscallError */
export function makeUserNamespace({ uids, gids }: IdMapping): UserNamespace {
  return withProcessIn("unshare", ["--user", "--net"], (pid) => {
    writeFileSync(`/proc/${pid}/uid_map`, formatIdMap(uids));
    writeFileSync(`/proc/${pid}/gid_map`, formatIdMap(gids));
    const userFd = openSync(`/proc/${pid}/ns/user`, "r");
    try {
      return { userFd, netFd: openSync(`/proc/${pid}/ns/net`, "r") };
    } catch (error) {
      closeSync(userFd);
      throw error;
    }
  });
}

/**
 * Makes a network namespace that belongs to a user namespace which is there. Takes some milliseconds.
 * @returns its descriptor, which the caller closes. @throws Error when the user namespace has gone
 */
export function makeNetnsIn(userns: string): number {
  const words = [`--user=${userns}`, "unshare", "--net"];
  return withProcessIn("nsenter", words, (pid) => openSync(`/proc/${pid}/ns/net`, "r"));
}

/** It ends by itself when this process ends before it. */
const waiting = ["sh", "-c", "echo; exec sleep 10"];

/**
 * Runs `use` while a process is in the namespaces that a program makes: one with several threads, as this one is, cannot enter a user namespace.
 * Blocks its thread.
 */
function withProcessIn<R>(program: string, words: string[], use: (pid: number) => R): R {
  const { readFd, writeFd } = makePipe();
  try {
    let pid: number;
    try {
      pid = spawnProcess(program, [...words, ...waiting], ["ignore", writeFd, "ignore"]);
    } finally {
      closeSync(writeFd);
    }
    try {
      if (readSync(readFd, Buffer.alloc(1)) === 0)
        throw new Error(`${program} ${words.join(" ")} could not make its namespaces`);
      return use(pid);
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
