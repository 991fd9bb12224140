import { constants } from "node:os";
import { invalid } from "../errors.ts";

const firstRealTime = 34;
const lastRealTime = 64;

/** A signal's number from "KILL", "SIGKILL", "9", "RTMIN+3" or "SIGRTMAX-1". @throws EngineError invalid */
export function parseSignal(text: string): number {
  if (/^\d+$/.test(text)) {
    const number = Number(text);
    if (number >= 1 && number <= lastRealTime) return number;
    throw invalid(`invalid signal: ${text}`);
  }
  const name = text.toUpperCase().replace(/^SIG/, "");
  const realTime = /^(RTMIN|RTMAX)([+-]\d+)?$/.exec(name);
  if (realTime) {
    const number = (realTime[1] === "RTMIN" ? firstRealTime : lastRealTime) + Number(realTime[2] ?? 0);
    if (number >= firstRealTime && number <= lastRealTime) return number;
  }
  const number = Object.entries(constants.signals).find(([key]) => key === `SIG${name}`)?.[1];
  if (number === undefined) throw invalid(`invalid signal: ${text}`);
  return number;
}
