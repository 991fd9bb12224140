import { serveJobs } from "../../sys/jobs.ts";
import { type CdiFiles, type CdiListing, readCdiFiles } from "./read-directories.ts";

serveJobs<CdiFiles, CdiListing>((files) => readCdiFiles(files));
