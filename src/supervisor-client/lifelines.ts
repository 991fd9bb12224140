import { closeSync } from "node:fs";
import { join } from "node:path";
import { processesFolder } from "../supervisor-protocol/connect.ts";
import type { OpenDescriptor } from "../supervisor-protocol/names.ts";
import { openForReading } from "../sys/fifo.ts";
import { copyDescriptor } from "../sys/pidfd.ts";
import { openFilesLimit } from "../sys/process.ts";

/**
 * The daemon's copies of what holds processes: with its last master closed a terminal hangs up on its processes, with its last
 * writer closed an input comes to its end, and with its last reader closed what an ended process has written is gone. So all of
 * them outlive the supervisor, and the next one takes them over.
 */
export interface Lifelines {
  /**
   * @param lifeline undefined for a process that needs none
   * @returns false when it cannot be had: its owner is gone, or the kernel (before 5.6) has no such call. What was kept stays.
   */
  keep(process: string, lifeline: OpenDescriptor | undefined): boolean;
  find(process: string): OpenDescriptor | undefined;
  dropInput(process: string): void;
  /** Holds the pipes of a process's output, if it has any and there are descriptors left. */
  keepOutput(process: string): void;
  /** Lets go of all that was kept of a process. */
  drop(process: string): void;
}

/** Of the descriptors a daemon may have, those of outputs are at most this part: the others are for clients. */
const outputShare = 1 / 4;

export function createLifelines(execRoot: string): Lifelines {
  const kept = new Map<string, number>();
  const outputs = new Map<string, number[]>();
  const mostOutputs = (openFilesLimit() * outputShare) / 2;
  function dropInput(id: string): void {
    const fd = kept.get(id);
    if (fd !== undefined) closeSync(fd);
    kept.delete(id);
  }
  function dropOutput(id: string): void {
    for (const fd of outputs.get(id) ?? []) closeSync(fd);
    outputs.delete(id);
  }
  return {
    dropInput,
    keepOutput(id) {
      dropOutput(id);
      if (outputs.size >= mostOutputs) return;
      const fds: number[] = [];
      outputs.set(id, fds);
      try {
        for (const name of ["stdout", "stderr"])
          fds.push(openForReading(join(processesFolder(execRoot), id, name)));
      } catch {
        // It has a terminal, or nothing is left of it.
        dropOutput(id);
      }
    },
    keep(id, lifeline) {
      if (!lifeline) {
        dropInput(id);
        return true;
      }
      try {
        const fd = copyDescriptor(lifeline);
        dropInput(id);
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
    drop(id) {
      dropInput(id);
      dropOutput(id);
    },
  };
}
