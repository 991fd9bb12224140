import { serveJobs } from "../sys/jobs.ts";
import { type Settled, settleDestinations } from "./destinations.ts";
import type { DestinationsJob } from "./settle-mounts.ts";

serveJobs<DestinationsJob, Settled>(({ layers, mounts }) => settleDestinations(layers, mounts));
