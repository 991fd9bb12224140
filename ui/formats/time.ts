import { words } from "../languages/language.ts";

const [minute, hour, day] = [60, 3600, 86_400];

export function formatDuration(seconds: number): string {
  const { seconds: s, minutes, hours, days } = words();
  if (seconds < minute) return s(Math.max(0, Math.floor(seconds)));
  if (seconds < hour) return minutes(Math.floor(seconds / minute));
  if (seconds < 2 * day) return hours(Math.floor(seconds / hour));
  return days(Math.floor(seconds / day));
}

/** @param at seconds since 1970 */
export function formatAgo(at: number): string {
  const seconds = Date.now() / 1000 - at;
  return seconds < 5 ? words().justNow : words().ago(formatDuration(seconds));
}

/** RFC 3339 as the engine writes it; Go's zero time is none. */
export function parseTime(text: string | undefined): number | undefined {
  const milliseconds = Date.parse(text ?? "");
  return Number.isNaN(milliseconds) || milliseconds <= 0 ? undefined : milliseconds / 1000;
}

const two = (value: number) => String(value).padStart(2, "0");

/** Local time, as sorting wants it: 2026-11-29 15:04:05. @param at seconds since 1970 */
export function formatTime(at: number | undefined): string {
  if (at === undefined) return words().never;
  const date = new Date(at * 1000);
  const days = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${days} ${formatClock(date)}`;
}

export const formatClock = (date: Date) =>
  `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
