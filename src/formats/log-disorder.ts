/**
 * Entries of a log stand in the order of their times, by which readers seek in it. A clock that is set back breaks that: then the log's
 * writer notes beside it by how much an entry may be earlier than one before it.
 */
export const disorderPath = (logPath: string) => `${logPath}.disorder`;

/** Of so little no note is made, and readers reckon with it always: one clock stands in for a finer one that has come too far from it. */
export const slackMilliseconds = 5;

export const formatDisorder = (milliseconds: number) => `${Math.ceil(milliseconds)}\n`;

/** @returns milliseconds; 0 where nothing is noted, or nothing that can be read */
export function parseDisorder(text: string): number {
  const milliseconds = Number(/^(\d{1,15})\n$/.exec(text)?.[1]);
  return Number.isNaN(milliseconds) ? 0 : milliseconds;
}
