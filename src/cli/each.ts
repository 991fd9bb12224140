import { ApiError } from "../client/api-error.ts";
import type { Cli } from "./cli.ts";

/** The one line that reports an error. */
export function describeError(error: unknown): string {
  if (error instanceof ApiError) return `Error response from daemon: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

/**
 * Does the same to each argument, in order: a failure is reported and the rest goes on. What `action` gives is printed.
 * Gives the exit code.
 */
export async function forEachArgument(
  cli: Cli,
  args: readonly string[],
  action: (argument: string) => Promise<string | undefined>,
): Promise<number> {
  let hasFailed = false;
  for (const argument of args) {
    try {
      const line = await action(argument);
      if (typeof line === "string") cli.print(line);
    } catch (error) {
      hasFailed = true;
      cli.warn(describeError(error));
      // Without a daemon there is no point in asking again for each.
      if (error instanceof Error && error.name === "ConnectionError") break;
    }
  }
  return hasFailed ? 1 : 0;
}
