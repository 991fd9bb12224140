import { type EncodedError, encodeError } from "../errors.ts";
import { serveJobs } from "../sys/jobs.ts";
import { measureTree, type TreeSize } from "./measure.ts";
import { removePath } from "./remove.ts";

export type TreeJob = { kind: "remove"; path: string } | { kind: "measure"; paths: readonly string[] };

export type Measured = TreeSize | { failure: EncodedError };

serveJobs<TreeJob, Measured[]>((job) => {
  if (job.kind === "measure") return job.paths.map(measure);
  removePath(job.path);
  return [];
});

function measure(path: string): Measured {
  try {
    return measureTree(path);
  } catch (error) {
    return { failure: encodeError(error) };
  }
}
