/** The one that there always is. */
export const defaultContext = "default";

/** Of all that can say which daemon is meant, what counts. */
export interface Choice {
  /** "default" where a host is given, or nothing is said. */
  context: string;
  /** The variable that overrides the context that was chosen for good. */
  override?: string;
}

/**
 * `--context`, `-H`, BERTH_HOST or DOCKER_HOST, DOCKER_CONTEXT, and what `context use` has stored, in this order.
 * @param flags what the command line says. @throws Error when it says two things
 */
export function chooseContext(
  { env, config }: { env: Record<string, string | undefined>; config: { currentContext?: string } },
  flags: { context: string; host: readonly string[] },
): Choice {
  if (flags.context && flags.host.length > 0)
    throw new Error("conflicting options: cannot specify both --host and --context");
  if (flags.context) return { context: flags.context };
  if (flags.host.length > 0) return { context: defaultContext };
  const override = ["BERTH_HOST", "DOCKER_HOST"].find((name) => env[name]);
  if (override) return { context: defaultContext, override };
  return { context: env.DOCKER_CONTEXT || config.currentContext || defaultContext };
}
