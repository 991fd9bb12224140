import { readFileSync } from "node:fs";
import { uptime } from "node:os";
import { hasCode } from "../errors.ts";
import { check, declare, lastErrno } from "./libc.ts";

const prctlCall = declare("int prctl(int option, ulong a, ulong b, ulong c, ulong d)");
const exitCall = declare("void _exit(int code)");
const waitpidCall = declare("int waitpid(int pid, _Out_ int *status, int options)");

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;
const ECHILD = 10;

/** Makes orphans among this process's descendants its own children. See prctl(2). */
export function becomeSubreaper(): void {
  check(prctlCall(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl");
}

/** Ends this process at once, also when one of its threads is in a system call that does not return. Flushes nothing. */
export function exitNow(code: number): never {
  exitCall(code);
  throw new Error("the process did not end");
}

/** How a process ended. A process ended by signal N has exit code 128+N, as shells and Docker count. */
export interface ExitStatus {
  exitCode: number;
}

/**
 * Collects any child that has ended, without waiting. Only for a process that starts none by Node's own means, whose exits
 * it would take away.
 * @returns undefined when there is none
 */
export function reapAny(): (ExitStatus & { pid: number }) | undefined {
  const status = [0];
  const pid = waitpidCall(-1, status, WNOHANG);
  if (pid === 0 || (pid < 0 && lastErrno() === ECHILD)) return undefined;
  check(pid, "waitpid");
  return { pid, exitCode: decodeWaitStatus(status[0] ?? 0) };
}

/** A status of wait(2) as an exit code; 128+N for signal N. */
export function decodeWaitStatus(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}

/** The exit code of a process that has ended and that its parent has not yet collected (proc(5), stat field 52). */
export function zombieExitCode(pid: number, ticks: number): number | undefined {
  try {
    const fields = readStat(pid);
    return fields[0] === "Z" && Number(fields[19]) === ticks
      ? decodeWaitStatus(Number(fields[49]))
      : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The start time of a process in clock ticks since boot (proc(5), stat field 22). With the pid it names a process for good:
 * a pid alone may have been given to another. Undefined when there is no such process.
 */
export function startTicks(pid: number): number | undefined {
  try {
    return Number(readStat(pid)[19]);
  } catch {
    return undefined;
  }
}

/** The pid of a process's parent; undefined when there is no such process. */
export function parentOf(pid: number): number | undefined {
  try {
    return Number(readStat(pid)[1]);
  } catch {
    return undefined;
  }
}

const ticksPerSecond = 100;

/** How long ago a process started that started at `ticks`, whatever the clock has been set to meanwhile. */
export function millisecondsSince(ticks: number): number {
  return (uptime() - ticks / ticksPerSecond) * 1000;
}

let boot: string | undefined;

/** Names the kernel's present run, random(4): process ids and their start times start over with each. */
export function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return boot;
}

/** Whether the process that had `pid` at `ticks` still runs; a zombie does not. In doubt it does not, and gets no signal. */
export function isAlive(pid: number, ticks: number): boolean {
  try {
    return isRunning(readStat(pid), ticks);
  } catch {
    return false;
  }
}

/** Whether that process surely does not run any more. There may be no descriptor left to look with: then it may live. */
export function hasEnded(pid: number, ticks: number): boolean {
  try {
    return !isRunning(readStat(pid), ticks);
  } catch (error) {
    return hasCode(error, "ENOENT") || hasCode(error, "ESRCH");
  }
}

/** Fields 3 and 22 of proc(5). */
function isRunning([state, ...others]: string[], ticks: number): boolean {
  return state !== "Z" && Number(others[18]) === ticks;
}

/** From the third field on: the second is the program's name, which may be anything. */
function readStat(pid: number): string[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** How many descriptors this process may have open, getrlimit(2). */
export function openFilesLimit(): number {
  const limits = readFileSync("/proc/self/limits", "latin1");
  return Number(/^Max open files +(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
}
