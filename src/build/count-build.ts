import { messageOf } from "../errors.ts";
import type { BuildFailure, EngineMetrics } from "../metrics/metrics.ts";
import { BuildError } from "./build-error.ts";

interface Solvable<Image, Solved> {
  solve(image: Image): Promise<Solved>;
}

/**
 * Has a build counted, and its first failure.
 * @param signal aborted when the client has given the build up
 * @throws what the preparation throws
 */
export async function countBuild<Image, Solved, Build extends Solvable<Image, Solved>>(
  { builds }: EngineMetrics,
  signal: AbortSignal,
  prepare: () => Promise<Build & Solvable<Image, Solved>>,
): Promise<Build> {
  builds.begun++;
  let hasFailed = false;
  const counted = async <T>(work: () => Promise<T>, reasonOf: (error: unknown) => BuildFailure) => {
    try {
      return await work();
    } catch (error) {
      if (!hasFailed) builds.failedBy[signal.aborted ? "build_canceled" : reasonOf(error)]++;
      hasFailed = true;
      throw error;
    }
  };
  const build = await counted(prepare, reasonOfPreparation);
  const solve = (image: Image) => counted(() => build.solve(image), reasonOfStep);
  return { ...build, solve };
}

const reasonOfStep = () => "error_processing_commands_error" as const;

function reasonOfPreparation(error: unknown): BuildFailure {
  if (/^target stage /.test(messageOf(error))) return "build_target_not_reachable_error";
  return error instanceof BuildError && error.file ? "dockerfile_syntax_error" : reasonOfStep();
}
