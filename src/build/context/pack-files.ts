import { closeSync, openSync, readSync } from "node:fs";

/** Packs that are read from, a few of them open at a time. Synchronous, for a worker thread. */
export interface PackFiles {
  /** Fills the buffer from there on, as far as the pack goes. @returns how many bytes */
  read(pack: string, buffer: Buffer, offset: number): number;
  close(): void;
}

const mostOpen = 64;

export function openPackFiles(): PackFiles {
  const open = new Map<string, number>();

  function descriptorOf(pack: string): number {
    const known = open.get(pack);
    if (known !== undefined) return known;
    if (open.size >= mostOpen) closeAll();
    const fd = openSync(pack, "r");
    open.set(pack, fd);
    return fd;
  }

  function closeAll(): void {
    for (const fd of open.values()) closeSync(fd);
    open.clear();
  }

  return {
    read(pack, buffer, offset) {
      const fd = descriptorOf(pack);
      let done = 0;
      for (let count = 1; count > 0 && done < buffer.length; done += count)
        count = readSync(fd, buffer, done, buffer.length - done, offset + done);
      return done;
    },
    close: closeAll,
  };
}
