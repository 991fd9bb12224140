/** The header `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as seconds from `now`, which is in milliseconds. */
export function parseRetryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const date = Date.parse(header);
  // Without letters it is no date of HTTP's, though Date would make one of it.
  return Number.isNaN(date) || !/[a-z]/i.test(header) ? undefined : Math.max(0, (date - now) / 1000);
}
