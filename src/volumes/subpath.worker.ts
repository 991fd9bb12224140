import { serveJobs } from "../sys/jobs.ts";
import { type OpenedPart, openMountPart } from "./subpath.ts";

serveJobs<{ base: string; subpath: string }, OpenedPart>(({ base, subpath }) => openMountPart(base, subpath));
