import { serveJobs } from "../sys/jobs.ts";
import { readSourceFacts, type SourceFacts } from "./source-facts.ts";

serveJobs<string, SourceFacts>(readSourceFacts);
