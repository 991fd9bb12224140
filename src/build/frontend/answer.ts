import { answerLint, answerOutline, answerTargets, type CallAnswer } from "../../dockerfile/answers.ts";
import { outlineDockerfile } from "../../dockerfile/outline.ts";
import { parseDockerfile } from "../../dockerfile/parse.ts";
import { invalid, messageOf } from "../../errors.ts";
import { BuildError } from "../build-error.ts";
import { platformArgs } from "../graph/platform-args.ts";
import type { BuildOptions } from "../options.ts";
import type { Solving } from "../solve/solving.ts";
import { checkDockerfile } from "./check.ts";
import { planDockerfile } from "./frontend.ts";
import { loadDockerfile } from "./load-dockerfile.ts";
import type { ClientInputs } from "./planned-image.ts";

/**
 * What is asked of a Dockerfile instead of building it: "frontend.lint", "frontend.outline", "frontend.targets".
 * @throws EngineError invalid for anything else; BuildError
 */
export async function answerCall(
  solving: Omit<Solving, "file">,
  options: BuildOptions,
  sessionId: string,
  inputs: ClientInputs,
): Promise<CallAnswer> {
  const { call } = options;
  const loaded = await loadDockerfile(solving, options, sessionId, inputs.archive);
  const { file, ignored } = loaded;
  if (call === "frontend.targets") return answerTargets(parseDockerfile(file.text));
  const [platform] = options.platforms;
  if (!platform) throw invalid("no platform to build for");
  if (call === "frontend.outline") {
    const dockerfile = parseDockerfile(file.text);
    const outline = outlineDockerfile(dockerfile, {
      buildArgs: options.buildArgs,
      predefined: platformArgs(platform, options.target),
      ...(options.target !== undefined && { target: options.target }),
    });
    return answerOutline(dockerfile, outline);
  }
  if (call !== "frontend.lint") throw invalid(`unsupported subrequest ${JSON.stringify(call)}`);
  try {
    const dockerfile = parseDockerfile(file.text);
    const { failure, plan } = await planDockerfile(
      solving,
      options,
      { sessionId, ...inputs },
      loaded,
      dockerfile,
      platform,
    ).then(
      (planned) => ({ plan: planned, failure: undefined }),
      (error: unknown) => ({ plan: undefined, failure: error }),
    );
    const warnings = checkDockerfile({
      dockerfile,
      options,
      ignored,
      plan,
      isWhole: options.target === undefined,
    });
    return answerLint(dockerfile, file.name, warnings, failure === undefined ? undefined : describe(failure));
  } catch (error) {
    return answerLint(file, file.name, [], describe(error));
  }
}

function describe(error: unknown) {
  const [range] = error instanceof BuildError ? error.ranges : [];
  return { message: messageOf(error), ...(range && { range }) };
}
