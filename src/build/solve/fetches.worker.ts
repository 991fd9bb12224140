import { serveJobs } from "../../sys/jobs.ts";
import { type FetchRequest, fetchFile } from "./fetch-file.ts";

serveJobs<FetchRequest, string>(fetchFile);
