import { closeSync } from "node:fs";
import { copyDescriptor } from "../sys/pidfd.ts";
import type { Descriptor } from "./protocol.ts";

/**
 * The daemon's copies of what holds processes: with its last master closed a terminal hangs up on its processes, with its last
 * writer closed an input comes to its end. So both outlive the supervisor, and the next one goes on with them.
 */
export interface Lifelines {
  /**
   * @param lifeline undefined for a process that needs none
   * @returns false when it cannot be had: its owner is gone, or the kernel (before 5.6) has no such call. What was kept stays.
   */
  keep(process: string, lifeline: Descriptor | undefined): boolean;
  find(process: string): Descriptor | undefined;
  drop(process: string): void;
}

export function createLifelines(): Lifelines {
  const kept = new Map<string, number>();
  function drop(id: string): void {
    const fd = kept.get(id);
    if (fd !== undefined) closeSync(fd);
    kept.delete(id);
  }
  return {
    keep(id, lifeline) {
      if (!lifeline) {
        drop(id);
        return true;
      }
      try {
        const fd = copyDescriptor(lifeline);
        drop(id);
        kept.set(id, fd);
        return true;
      } catch {
        return false;
      }
    },
    find(id) {
      const fd = kept.get(id);
      return fd === undefined ? undefined : { pid: process.pid, fd };
    },
    drop,
  };
}
