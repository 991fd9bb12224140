import { lazy } from "./lazy.ts";
import { declare, SyscallError } from "./libc.ts";

const spawnCall = declare(
  "int posix_spawnp(_Out_ int *pid, const char *file, const void *actions, const void *attributes, const char **argv, const char **envp)",
);
const initActions = declare("int posix_spawn_file_actions_init(void *actions)");
const addDup2 = declare("int posix_spawn_file_actions_adddup2(void *actions, int fd, int target)");
const addOpen = declare(
  "int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, uint mode)",
);
const destroyActions = declare("int posix_spawn_file_actions_destroy(void *actions)");
const initAttributes = declare("int posix_spawnattr_init(void *attributes)");
const setFlags = declare("int posix_spawnattr_setflags(void *attributes, short flags)");
const setSigDefault = declare("int posix_spawnattr_setsigdefault(void *attributes, const void *set)");
const setSigMask = declare("int posix_spawnattr_setsigmask(void *attributes, const void *set)");

// Sizes of glibc's structures on 64-bit Linux, rounded up.
const actionsBytes = 128;
const attributesBytes = 512;
const signalSetBytes = 128;
const POSIX_SPAWN_SETPGROUP = 2;
const POSIX_SPAWN_SETSIGDEF = 4;
const POSIX_SPAWN_SETSIGMASK = 8;
const O_RDWR = 2;

/**
 * All signals as they are by default and none blocked: Node ignores some, and a child would inherit that. A process group of its own,
 * so that it can be killed with what it has started.
 */
const attributes = makeAttributes();

function makeAttributes(): Buffer {
  const made = Buffer.alloc(attributesBytes);
  initAttributes(made);
  setFlags(made, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  setSigDefault(made, Buffer.alloc(signalSetBytes, 0xff));
  setSigMask(made, Buffer.alloc(signalSetBytes));
  return made;
}

/** This process's own, as it is at the first start. */
const environment = lazy(() => [
  ...Object.entries(process.env).map(([name, value]) => `${name}=${value}`),
  null,
]);

/**
 * Starts a program, found in PATH, in the calling thread's namespaces. Unlike Node's own spawn it copies no memory maps, and
 * the child is the caller's to wait for.
 * @param fds for the child's descriptors 0, 1 and 2; "ignore" is /dev/null
 * @param file what is executed, when that is not where `program` is found
 * @returns the pid. @throws SyscallError ENOENT without such a program
 */
export function spawnProcess(
  program: string,
  words: string[],
  fds: (number | "ignore")[],
  file = program,
): number {
  const actions = Buffer.alloc(actionsBytes);
  initActions(actions);
  try {
    fds.forEach((fd, target) => {
      if (fd === "ignore") addOpen(actions, target, "/dev/null", O_RDWR, 0);
      else addDup2(actions, fd, target);
    });
    const pid = [0];
    const errno = spawnCall(pid, file, actions, attributes, [program, ...words, null], environment());
    if (errno !== 0) throw new SyscallError("posix_spawn", errno, program);
    return pid[0] ?? 0;
  } finally {
    destroyActions(actions);
  }
}
