import { EngineError } from "../errors.ts";

/** What Docker says before the reason, when a container and when an exec cannot be started. */
export const createPrefix =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: " +
  "unable to start container process: ";

export const execPrefix = "OCI runtime exec failed: exec failed: unable to start container process: ";

/**
 * Gives a runtime's complaint Docker's words and exit code: 127 for a command that is not there, 126 for one that cannot be
 * run, 125 for all else. Clients decide by the words; crun's and runc's differ.
 */
export function startFailure(
  message: string,
  args: string[],
  prefix = createPrefix,
): { error: EngineError; exitCode: number } {
  const missing = /^executable file `(.*)` not found(?: in \$PATH)?: (.*)$/.exec(message);
  if (missing) {
    const [, command = "", reason = ""] = missing;
    const inPath = command.includes("/")
      ? `stat ${command}: ${reason.toLowerCase()}`
      : "executable file not found in $PATH";
    return { error: badCommand(prefix, `exec: "${command}": ${inPath}: unknown`), exitCode: 127 };
  }
  const unapplied = /^write file `(.*\/attr\/(?:apparmor\/)?exec)`: (.*)$/.exec(message);
  if (unapplied) {
    const [, file = "", reason = ""] = unapplied;
    const failed = `apparmor failed to apply profile: write ${file}: ${reason.toLowerCase()}: unknown`;
    return { error: badCommand(prefix, `unable to apply apparmor profile: ${failed}`), exitCode: 127 };
  }
  // crun opens the file to run before it runs it, and is refused a directory in these words.
  const denied =
    /^(?:open executable|exec(?:ve)? .*): (Operation not permitted|Permission denied|Is a directory|Exec format error)$/i.exec(
      message,
    );
  if (denied) {
    const reason = denied[1]
      ?.toLowerCase()
      .replace("operation not permitted", "is a directory: permission denied");
    return { error: badCommand(prefix, `exec: "${args[0]}": ${reason}: unknown`), exitCode: 126 };
  }
  const unfit = /^the path `.*` (is not a regular file|exists but it is not executable): /.exec(message);
  if (unfit) {
    const reason =
      unfit[1] === "is not a regular file" ? "is a directory: permission denied" : "permission denied";
    return { error: badCommand(prefix, `exec: "${args[0]}": ${reason}: unknown`), exitCode: 126 };
  }
  if (
    /executable file not found|no such file or directory: unknown$|exec:.*no such file or directory/.test(
      message,
    )
  ) {
    return { error: badCommand(prefix, `${withoutRuntime(message)}: unknown`), exitCode: 127 };
  }
  if (/permission denied|is a directory|exec format error/i.test(message)) {
    return { error: badCommand(prefix, `${withoutRuntime(message).toLowerCase()}: unknown`), exitCode: 126 };
  }
  const task = prefix === createPrefix ? "failed to create task for container: " : prefix;
  const advice = /resource temporarily unavailable/i.test(message) ? atProcessLimit : "";
  return { error: new EngineError("internal", task + message + advice), exitCode: 128 };
}

const atProcessLimit = ": container reached its pids limit (raise it with 'update --pids-limit')";

function badCommand(prefix: string, message: string): EngineError {
  return new EngineError("invalid", `${prefix}${message}`);
}

function withoutRuntime(message: string): string {
  return message
    .replace(/^runc (run|exec) failed: unable to start container process: /, "")
    .replace(/^exec failed: /, "");
}
