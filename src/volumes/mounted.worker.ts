import { serveJobs } from "../sys/jobs.ts";
import { detach } from "../sys/mount.ts";
import { mountLocal } from "./local-mount.ts";
import type { MountJob } from "./mounted.ts";

serveJobs<MountJob, void>(({ directory, local }) => {
  if (local) mountLocal(local, directory);
  else detach(directory);
});
