import { ApiError } from "../client/api-error.ts";
import type { Cli } from "./cli.ts";

/** The one line that reports an error. */
export function describeError(error: unknown): string {
  if (error instanceof ApiError) return `Error response from daemon: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}

type Action = (argument: string) => Promise<string | undefined>;

/** What docker has under way where it does several at once. */
export const severalAtOnce = 50;
/** Each request over SSH logs in by itself, and a server refuses some of more than ten at a time (sshd_config(5), MaxStartups). */
const mostOverSsh = 5;

/**
 * Does the same to each argument: a failure is reported at the end, and the rest goes on. What `action` gives is printed, in the
 * arguments' order. Gives the exit code.
 */
export async function forEachArgument(
  cli: Cli,
  args: readonly string[],
  action: Action,
  mostAtOnce = 1,
): Promise<number> {
  const failures: string[] = [];
  let isLost = false;
  const isOverSsh = mostAtOnce > 1 && (await cli.client()).host.startsWith("ssh://");
  for (const outcome of startAll(args, action, isOverSsh ? mostOverSsh : mostAtOnce)) {
    try {
      const line = await outcome;
      if (typeof line === "string") cli.print(line);
    } catch (error) {
      // Once says enough.
      if (!isLost || !isWithoutDaemon(error)) failures.push(describeError(error));
      isLost ||= isWithoutDaemon(error);
    }
  }
  for (const failure of failures) cli.warn(failure);
  return failures.length > 0 ? 1 : 0;
}

const isWithoutDaemon = (error: unknown) => error instanceof Error && error.name === "ConnectionError";

/** Gives what comes of each. Without a daemon there is no point in asking again: nothing comes of those that had not begun. */
function startAll(args: readonly string[], action: Action, mostAtOnce: number) {
  const outcomes = args.map((argument) => ({ argument, ...Promise.withResolvers<string | undefined>() }));
  for (const { promise } of outcomes) promise.catch(() => {});
  const waiting = outcomes.values();
  let isLost = false;
  const work = async () => {
    for (const { argument, resolve, reject } of waiting) {
      try {
        resolve(isLost ? undefined : await action(argument));
      } catch (error) {
        reject(error);
        isLost ||= isWithoutDaemon(error);
      }
    }
  };
  for (let count = 0; count < mostAtOnce; count++) void work();
  return outcomes.map(({ promise }) => promise);
}
