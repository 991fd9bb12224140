import { decodeError, internal } from "../errors.ts";
import type { IdPair } from "../formats/id-mapping.ts";
import { createJobRunner } from "../sys/jobs.ts";
import type { TreeSize } from "./measure.ts";
import type { TreeAnswer, TreeJob } from "./trees.worker.ts";

/*
 * Work on whole trees that streams nothing to a client, on a few threads of its own. Measuring and removing don't wait for
 * each other: a list of sizes takes as long as there are files. Nor should a small tree wait for the removal of large ones.
 */
const removers = createJobRunner<TreeJob, TreeAnswer>("trees/trees.worker", 8);
const measurers = createJobRunner<TreeJob, TreeAnswer>("trees/trees.worker", 2);
/** A container's start waits for these, and not for a list of sizes. */
const ownerFinders = createJobRunner<TreeJob, TreeAnswer>("trees/trees.worker", 2);

/** With all that is below. Silent when it does not exist. @throws an error with the system call's `code` */
export async function removeTree(path: string): Promise<void> {
  await removers.run({ kind: "remove", path });
}

/** Nothing when there is no such directory. @throws an error with the system call's `code` */
export async function measureTree(path: string, signal?: AbortSignal): Promise<TreeSize> {
  const [size = internal("internal error: unexpected reply from worker")] = await measureTrees(
    [path],
    signal,
  );
  if (size instanceof Error) throw size;
  return size;
}

/** The same of several in one go: for each its size, or why it cannot be read, which is an error with the system call's `code`. */
export async function measureTrees(
  paths: readonly string[],
  signal?: AbortSignal,
): Promise<(TreeSize | Error)[]> {
  if (paths.length === 0) return [];
  const { measured = [] } = await measurers.run({ kind: "measure", paths }, signal);
  signal?.throwIfAborted();
  return measured.map((one) => ("failure" in one ? decodeError(one.failure) : one));
}

/** The largest user and group id that own anything in a tree. @throws an error with the system call's `code` */
export async function findLargestOwners(path: string): Promise<IdPair> {
  const { owners } = await ownerFinders.run({ kind: "largestOwners", path });
  if (!owners) throw internal("internal error: unexpected reply from worker");
  return owners;
}
