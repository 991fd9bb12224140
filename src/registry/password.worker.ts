import { compareSync } from "bcryptjs";
import { serveJobs } from "../sys/jobs.ts";

export interface PasswordJob {
  password: string;
  hash: string;
  /** Hashes that are compared as well, for the time it takes. */
  others: string[];
}

// A check takes tens of milliseconds on purpose, which the registry's own thread has for others.
serveJobs<PasswordJob, boolean>(({ password, hash, others }) => {
  for (const other of others) compareSync(password, other);
  return compareSync(password, hash);
});
