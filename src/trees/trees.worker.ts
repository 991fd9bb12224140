import { type EncodedError, encodeError } from "../errors.ts";
import type { IdPair } from "../formats/id-mapping.ts";
import { type CheckWanted, serveJobs } from "../sys/jobs.ts";
import { findLargestOwners } from "./largest-owners.ts";
import { measureTree, type TreeSize } from "./measure.ts";
import { removePath } from "./remove.ts";

export type TreeJob =
  | { kind: "remove"; path: string }
  | { kind: "measure"; paths: readonly string[] }
  | { kind: "largestOwners"; path: string };

export type Measured = TreeSize | { failure: EncodedError };

export interface TreeAnswer {
  measured?: Measured[];
  owners?: IdPair;
}

serveJobs<TreeJob, TreeAnswer>((job, _, checkWanted) => {
  switch (job.kind) {
    case "measure":
      return { measured: job.paths.map((path) => measure(path, checkWanted)) };
    case "largestOwners":
      return { owners: findLargestOwners(job.path) };
    case "remove":
      removePath(job.path);
      return {};
  }
});

function measure(path: string, checkWanted: CheckWanted): Measured {
  try {
    return measureTree(path, checkWanted);
  } catch (error) {
    return { failure: encodeError(error) };
  }
}
