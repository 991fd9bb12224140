import { statSync, truncateSync, watch } from "node:fs";
import { messageOf } from "../errors.ts";
import { supervisorLog } from "../supervisor-protocol/connect.ts";

const mostBytes = 1 << 20;

/**
 * Empties the log of this supervisor, the resolver and the relay when it is full. It is on a tmpfs, so an error that comes again and
 * again would take the machine's memory. Those who write to it append, and go on at its new end.
 */
export function boundLog(execRoot: string): void {
  const path = supervisorLog(execRoot);
  function check(): void {
    const file = statSync(path, { throwIfNoEntry: false });
    if (file && file.size > mostBytes) truncateSync(path);
  }
  // One that a unit started has its log in the journal.
  if (!statSync(path, { throwIfNoEntry: false })) return;
  check();
  try {
    watch(path, { persistent: false }, check).on("error", () => {});
  } catch (error) {
    console.error(`supervisor.log has no limit: ${messageOf(error)}`);
  }
}
