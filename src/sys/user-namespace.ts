import { closeSync, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs";
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

/**
 * Makes a user namespace, and a network namespace whose owner it is. A process with several threads cannot enter one, so a program
 * does, and waits there. It ends with its input, so that it does not outlive this process however that ends. Takes some milliseconds.
 * @throws Error when the kernel makes none
 */
export function makeUserNamespace({ uids, gids }: IdMapping): UserNamespace {
  return withWaiting("unshare", ["--user", "--net", "cat"], "no user namespace could be made", (pid) => {
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
 * Makes a network namespace that belongs to a user namespace which is there. Takes some milliseconds, since programs enter it.
 * @returns its descriptor, which the caller closes. @throws Error when the user namespace has gone
 */
export function makeNetnsIn(userns: string): number {
  const words = [`--user=${userns}`, "unshare", "--net", "cat"];
  return withWaiting("nsenter", words, `no network namespace could be made in ${userns}`, (pid) =>
    openSync(`/proc/${pid}/ns/net`, "r"),
  );
}

/** Runs `use` while a program waits that gives back what it reads. It inherits nothing but that. @throws Error when it does not come to that */
function withWaiting<R>(program: string, words: string[], failure: string, use: (pid: number) => R): R {
  const [input, output] = [makePipe(), makePipe()];
  const open = new Set([input.readFd, input.writeFd, output.readFd, output.writeFd]);
  const close = (fd: number) => open.delete(fd) && closeSync(fd);
  try {
    // Before it starts: to one that has ended nothing can be written.
    writeSync(input.writeFd, "x");
    const pid = spawnProcess(program, words, [input.readFd, output.writeFd, "ignore"]);
    try {
      close(input.readFd);
      close(output.writeFd);
      if (readSync(output.readFd, Buffer.alloc(1)) === 0) throw new Error(failure);
      return use(pid);
    } finally {
      process.kill(pid, "SIGKILL");
      waitpidCall(pid, [0], 0);
    }
  } finally {
    for (const fd of open) close(fd);
  }
}

/** How the user namespace of a process maps ids. @throws ENOENT, ESRCH when it has ended */
export function readMappingOf(pid: number): IdMapping {
  const read = (name: string) => parseIdMap(readFileSync(`/proc/${pid}/${name}`, "latin1"));
  return { uids: read("uid_map"), gids: read("gid_map") };
}
