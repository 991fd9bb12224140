import { closeSync, constants, openSync, writeSync } from "node:fs";
import { hasCode, internal } from "../../errors.ts";
import { archiveEnd } from "../../formats/tar/tar-writer.ts";
import { serveJobs } from "../../sys/jobs.ts";
import { extractStream } from "../../trees/extract-stream.ts";
import { packTree } from "../../trees/pack.ts";
import type { CacheMountJob } from "./mount-transfers.ts";

serveJobs<CacheMountJob, void>(async (job) => {
  const rootFd = openSync(job.directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    if (job.kind === "export") pack(rootFd, job.outputFd);
    else extractStream(job.inputFd, { rootFd, base: "", whiteouts: false, setsRoot: true, makesHoles: true });
  } catch (error) {
    throw hasCode(error, "ENOSPC") ? internal("failed to extract: no space left on device", error) : error;
  } finally {
    closeSync(rootFd);
  }
});

function pack(rootFd: number, outputFd: number): void {
  const write = (data: Buffer) => {
    for (let offset = 0; offset < data.length; ) offset += writeSync(outputFd, data, offset);
  };
  for (const piece of packTree({ rootFd, path: "", name: ".", whiteouts: false })) write(piece);
  write(archiveEnd);
}
