import type { Build } from "../build/builder.ts";
import type { FetchedTree } from "../build/fetch-tree.ts";
import type { PlannedImage } from "../build/frontend/planned-image.ts";
import type { SolveRequest } from "../buildkit/messages/control.ts";
import { code, GrpcError } from "../buildkit/wire/status.ts";
import { createJobEvents, type JobEvents } from "./job-events.ts";

/** What a client's `Return` says. */
export type Returned = { results: ResultRef[] } | { error: GrpcError };

/** One image of a build, by which clients speak of it. */
export interface ResultRef {
  build: Build;
  image: PlannedImage;
}

/** A build that a client has asked for. */
export interface Job {
  ref: string;
  request: SolveRequest;
  events: JobEvents;
  /** What has been prepared, by the id that the client got for it. */
  results: Map<string, ResultRef>;
  returned: PromiseWithResolvers<Returned>;
  signal: AbortSignal;
  /** Milliseconds since the epoch. */
  startedAt: number;
  builds: Set<Build>;
  /** What has been fetched for the client to look into, by id. */
  trees: Map<string, FetchedTree>;
  /** What is prepared from now on is closed by its maker. */
  isEnded: boolean;
}

/** The builds that are under way, and those that have just ended. */
export interface Jobs {
  /** @throws GrpcError for a ref that is in use */
  begin(request: SolveRequest, signal: AbortSignal): Job;
  list(): Job[];
  isThere(ref: string): boolean;
  /** It stays readable for a while. */
  end(job: Job): void;
  /** A result of any build that is not over. */
  findResult(id: string): ResultRef | undefined;
  /** Waits for one that is on its way. @throws GrpcError notFound in BuildKit's words */
  get(ref: string, patienceMilliseconds: number): Promise<Job>;
}

const readableMilliseconds = 10_000;

export function createJobs(): Jobs {
  const jobs = new Map<string, Job>();
  const waiting = new Set<() => void>();
  return {
    list: () => [...jobs.values()],
    isThere: (ref) => jobs.has(ref),
    begin(request, signal) {
      const { ref } = request;
      if (jobs.has(ref)) throw new GrpcError(code.unknown, `job ID ${ref} exists`);
      const returned = Promise.withResolvers<Returned>();
      returned.promise.catch(() => {});
      const job: Job = {
        ...{ ref, request, events: createJobEvents(), results: new Map(), returned, signal },
        ...{ builds: new Set(), trees: new Map(), startedAt: Date.now() },
        isEnded: false,
      };
      jobs.set(ref, job);
      for (const look of waiting) look();
      return job;
    },
    end(job) {
      job.isEnded = true;
      job.events.close();
      for (const build of job.builds) build.close();
      job.builds.clear();
      for (const tree of job.trees.values()) tree.close();
      job.trees.clear();
      job.results.clear();
      setTimeout(() => jobs.delete(job.ref), readableMilliseconds).unref();
    },
    findResult(id) {
      for (const { results } of jobs.values()) {
        const found = results.get(id);
        if (found) return found;
      }
      return undefined;
    },
    get(ref, patienceMilliseconds) {
      const known = jobs.get(ref);
      if (known) return Promise.resolve(known);
      return new Promise((resolve, reject) => {
        const settle = (answer: () => void) => {
          waiting.delete(look);
          clearTimeout(timer);
          answer();
        };
        const look = () => {
          const job = jobs.get(ref);
          if (job) settle(() => resolve(job));
        };
        const missing = () => reject(new GrpcError(code.notFound, `no such job ${ref}`));
        const timer = setTimeout(() => settle(missing), patienceMilliseconds);
        waiting.add(look);
      });
    },
  };
}
