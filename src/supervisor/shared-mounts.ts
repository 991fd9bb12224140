import { closeSync, fstat, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { StartOptions } from "../supervisor-protocol/protocol.ts";
import { attachMount, cloneTree, mount } from "../sys/mount.ts";

/** Copies of mounts of the host: what is mounted below one shows below the other. */
export interface SharedMounts {
  /** Needs a mount namespace whose own mounts the host does not see. @throws SyscallError */
  attach(): void;
  /** What has been attached stays. */
  close(): void;
}

interface Copy {
  fd: number;
  isDirectory: boolean;
}

/** Needs the host's mount namespace. @throws Error; the signal's reason, however long a server does not answer */
export async function takeSharedMounts(
  { folder, sources }: NonNullable<StartOptions["shared"]>,
  signal: AbortSignal,
): Promise<SharedMounts> {
  const copies: Copy[] = [];
  const close = () => copies.forEach(({ fd }) => void closeSync(fd));
  try {
    for (const source of sources) copies.push(await unlessAborted(copyOf(source), signal));
  } catch (error) {
    close();
    throw error;
  }
  return {
    attach() {
      // In memory, so that the places end with the namespace.
      mount("shared", folder, "tmpfs", 0, "mode=700");
      copies.forEach(({ fd, isDirectory }, index) => {
        const place = join(folder, String(index));
        if (isDirectory) mkdirSync(place);
        else writeFileSync(place, "");
        attachMount(fd, place);
      });
    },
    close,
  };
}

async function copyOf(source: string): Promise<Copy> {
  const fd = await cloneTree(source);
  try {
    return { fd, isDirectory: (await promisify(fstat)(fd)).isDirectory() };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** A copy that comes too late is closed. */
function unlessAborted(copy: Promise<Copy>, signal: AbortSignal): Promise<Copy> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      copy.then(
        ({ fd }) => closeSync(fd),
        () => {},
      );
      reject(signal.reason);
    };
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    copy.finally(() => signal.removeEventListener("abort", abort)).then(resolve, reject);
  });
}
