import { compareSync } from "bcryptjs";
import { serveJobs } from "../sys/jobs.ts";

export interface PasswordJob {
  password: string;
  hash: string;
}

// A check takes tens of milliseconds on purpose, which the registry's own thread has for others.
serveJobs<PasswordJob, boolean>(({ password, hash }) => compareSync(password, hash));
