import { constants } from "node:os";
import { invalid } from "../errors.ts";

const firstRealTime = 34;
const lastRealTime = 64;
/** "RTMIN+15" and "RTMAX-14" are neighbours: each real-time signal has one name, counted from the nearer end. */
const mostFromFirst = 15;
const mostFromLast = 14;

/**
 * A signal's number from "KILL", "SIGKILL", "9", "RTMIN+3" or "SIGRTMAX-1"; a number may be one that the kernel does not have.
 * @throws EngineError invalid
 */
export function parseSignal(text: string): number {
  const number = /^[+-]?\d+$/.test(text) ? Number(text) : numberOf(text.toUpperCase().replace(/^SIG/, ""));
  if (!number || !Number.isSafeInteger(number)) throw invalid(`invalid signal: ${text}`);
  return number;
}

function numberOf(name: string): number | undefined {
  const [, end, , steps = "0"] = /^(RTMIN|RTMAX)([+-]([1-9]\d?))?$/.exec(name) ?? [];
  if (end === "RTMIN" && !name.includes("-") && Number(steps) <= mostFromFirst)
    return firstRealTime + Number(steps);
  if (end === "RTMAX" && !name.includes("+") && Number(steps) <= mostFromLast)
    return lastRealTime - Number(steps);
  const known: Record<string, number> = { ...constants.signals, SIGCLD: constants.signals.SIGCHLD };
  return Object.hasOwn(known, `SIG${name}`) ? known[`SIG${name}`] : undefined;
}

/** Whether it can be sent: the two below the real-time ones are the C library's own. */
export function isSendable(signal: number): boolean {
  return (signal >= 1 && signal < firstRealTime - 2) || (signal >= firstRealTime && signal <= lastRealTime);
}
