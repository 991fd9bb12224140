import type { Dockerfile, LintWarning } from "../../dockerfile/instructions.ts";
import { lintDockerfile } from "../../dockerfile/lint.ts";
import { parseLintOptions } from "../../dockerfile/lint-options.ts";
import { lintError, lintSummary } from "../../dockerfile/lint-report.ts";
import type { LintBase } from "../../dockerfile/lint-stage.ts";
import { invalid } from "../../errors.ts";
import type { BaseImage } from "../graph/base-image.ts";
import type { Plan } from "../graph/plan.ts";
import { platformArgs } from "../graph/platform-args.ts";
import type { BuildOptions } from "../options.ts";
import type { Reporter, SourceFile } from "../progress.ts";

/** What a Dockerfile is looked over with. */
export interface CheckInput {
  dockerfile: Dockerfile;
  options: BuildOptions;
  /** Lines of the .dockerignore. */
  ignored: readonly string[];
  /** Of the first platform; undefined when it could not be planned. */
  plan: Plan | undefined;
  /** All stages are looked at, needed or not. */
  isWhole: boolean;
}

/** What the linter says of a Dockerfile. @throws EngineError invalid for options that are none */
export function checkDockerfile({ dockerfile, options, ignored, plan, isWhole }: CheckInput): LintWarning[] {
  const [platform] = options.platforms;
  if (!platform) throw invalid("no platform to build for");
  const bases = new Map([...(plan?.bases ?? [])].map(([index, base]) => [index, describeBase(base)]));
  return lintDockerfile(dockerfile, {
    buildArgs: options.buildArgs,
    predefined: platformArgs(platform, options.target),
    targetPlatform: platform,
    ...(options.target !== undefined && { target: options.target }),
    isWhole,
    bases,
    ignorePatterns: ignored,
  });
}

function describeBase({ config: { os, architecture, variant, config } }: BaseImage): LintBase {
  return {
    platform: { os, architecture, ...(variant && { variant }) },
    env: config?.Env ?? [],
    hasShell: (config?.Shell ?? []).length > 0,
    onBuild: config?.OnBuild ?? [],
  };
}

/**
 * Reports what the linter says beside a build.
 * @param vertex of the Dockerfile's own loading
 * @throws EngineError invalid when the Dockerfile wants warnings to be errors
 */
export function reportWarnings(report: Reporter, input: CheckInput, file: SourceFile, vertex: string): void {
  const warnings = checkDockerfile(input);
  for (const warning of warnings) {
    const { description, url, ranges } = warning;
    const said = { vertex, short: lintSummary(warning), detail: [description], url, file, ranges };
    report({ kind: "warning", warning: said });
  }
  const { dockerfile, options } = input;
  const given = options.check ?? dockerfile.check?.value ?? "";
  const failure = lintError(warnings, parseLintOptions(given));
  if (failure) throw invalid(failure);
}
