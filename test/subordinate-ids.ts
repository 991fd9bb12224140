import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { after } from "node:test";

const files = ["/etc/subuid", "/etc/subgid"];

/**
 * Gives a user of this machine a range of subordinate ids until the tests of the suite this is called in have ended.
 * @param user of this suite alone
 */
export function useSubordinateIds(user: string, start: number, size = 65_536): void {
  after(addSubordinateIds(user, start, size));
}

/** The same, until what it gives back is called. */
export function addSubordinateIds(user: string, start: number, size = 65_536): () => void {
  const line = `${user}:${start}:${size}\n`;
  for (const file of files) appendFileSync(file, line);
  return () => {
    for (const file of files) writeFileSync(file, readFileSync(file, "latin1").replace(line, ""));
  };
}
