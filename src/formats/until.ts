import { invalid } from "../errors.ts";
import { parseTimestamp } from "./timestamp.ts";
import { parseDuration } from "./units.ts";

/**
 * A filter `until`: a time, or a duration back from now ("10m", "1h30m").
 * @returns milliseconds since the epoch; undefined without a filter. @throws EngineError invalid
 */
export function parseUntil(text: string | undefined, nowMilliseconds = Date.now()): number | undefined {
  if (text === undefined) return undefined;
  const time = parseTimestamp(text);
  if (time !== undefined) return time;
  try {
    return nowMilliseconds - parseDuration(text) / 1e6;
  } catch (error) {
    throw invalid(`invalid filter 'until=[${text}]'`, error);
  }
}
