import { hasCode } from "../errors.ts";
import type { ByteString, FileTime } from "../formats/tar/tar-entry.ts";
import { setEntryTimes } from "../sys/file-times.ts";
import { closeDescriptor } from "../sys/safe-path.ts";
import type { NameMemory } from "./extract-memory.ts";
import type { Parents } from "./extract-parents.ts";

/** The times of directories, which must wait until nothing more is made in them. */
export interface DirectoryTimes {
  put(path: readonly ByteString[], time: FileTime): void;
  /** Something else is there now. */
  drop(path: readonly ByteString[]): void;
  /** Sets them. What no longer exists is passed over. */
  apply(): void;
}

export function createDirectoryTimes(
  parents: Pick<Parents, "openExisting">,
  memory: NameMemory,
): DirectoryTimes {
  /** By their parent's path, which is opened once for all that are in it. */
  const byParent = new Map<ByteString, Map<ByteString, FileTime>>();

  function applyIn(path: ByteString, times: Map<ByteString, FileTime>): void {
    const fd = parents.openExisting(path === "" ? [] : path.split("/"));
    try {
      for (const [name, time] of times) passOverAbsent(() => setEntryTimes(fd, name, time));
    } finally {
      closeDescriptor(fd);
    }
  }

  return {
    put(path, time) {
      const parent = path.slice(0, -1).join("/");
      let known = byParent.get(parent);
      if (!known) {
        memory.take(parent.length);
        known = new Map();
        byParent.set(parent, known);
      }
      const name = path.at(-1) ?? ".";
      if (!known.has(name)) memory.take(name.length);
      known.set(name, time);
    },
    drop: (path) => void byParent.get(path.slice(0, -1).join("/"))?.delete(path.at(-1) ?? "."),
    apply() {
      for (const [path, times] of byParent) passOverAbsent(() => applyIn(path, times));
    },
  };
}

/** A later entry may have put something else in its place. */
function passOverAbsent(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!["ENOENT", "ENOTDIR", "ELOOP"].some((code) => hasCode(error, code))) throw error;
  }
}
