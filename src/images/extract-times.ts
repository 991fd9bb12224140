import { hasCode } from "../errors.ts";
import type { ByteString, FileTime } from "../formats/tar-entry.ts";
import { setEntryTimes } from "../sys/file-times.ts";
import { closeDescriptor } from "../sys/safe-path.ts";
import type { Parents } from "./extract-parents.ts";

/** The times of directories, which must wait until nothing more is made in them. */
export interface DirectoryTimes {
  put(path: readonly ByteString[], time: FileTime): void;
  /** Something else is there now. */
  drop(path: readonly ByteString[]): void;
  /** Sets them. What is no more is passed over. */
  apply(): void;
}

export function createDirectoryTimes(parents: Pick<Parents, "openExisting">): DirectoryTimes {
  /** By their parent's path, which is opened once for all that are in it. */
  const byParent = new Map<ByteString, { path: readonly ByteString[]; times: Map<ByteString, FileTime> }>();

  function applyIn(path: readonly ByteString[], times: Map<ByteString, FileTime>): void {
    const fd = parents.openExisting(path);
    try {
      for (const [name, time] of times) passOverAbsent(() => setEntryTimes(fd, name, time));
    } finally {
      closeDescriptor(fd);
    }
  }

  return {
    put(path, time) {
      const parent = path.slice(0, -1);
      const key = parent.join("/");
      let known = byParent.get(key);
      if (!known) {
        known = { path: parent, times: new Map() };
        byParent.set(key, known);
      }
      known.times.set(path.at(-1) ?? ".", time);
    },
    drop: (path) => void byParent.get(path.slice(0, -1).join("/"))?.times.delete(path.at(-1) ?? "."),
    apply() {
      for (const { path, times } of byParent.values()) passOverAbsent(() => applyIn(path, times));
    },
  };
}

/** A later entry may have put something else in its place. */
function passOverAbsent(work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!hasCode(error, "ENOENT") && !hasCode(error, "ENOTDIR")) throw error;
  }
}
