import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createPrefix, startFailure } from "../../src/launch/start-failure.ts";

/** What each runtime says, by version, of a command; and what Docker says of it. */
const cases: [what: string, message: string, command: string, words: string, exitCode: number][] = [
  [
    "crun, not in $PATH",
    "executable file `nosuch` not found in $PATH: No such file or directory",
    "nosuch",
    'exec: "nosuch": executable file not found in $PATH: unknown',
    127,
  ],
  [
    "crun 1.21, no such file",
    "executable file `/nosuch` not found: No such file or directory",
    "/nosuch",
    'exec: "/nosuch": stat /nosuch: no such file or directory: unknown',
    127,
  ],
  [
    "crun 1.8, a directory",
    "open executable: Operation not permitted",
    "/etc",
    'exec: "/etc": is a directory: permission denied: unknown',
    126,
  ],
  [
    "crun 1.21, a directory",
    "the path `/etc` is not a regular file: Operation not permitted",
    "/etc",
    'exec: "/etc": is a directory: permission denied: unknown',
    126,
  ],
  [
    "crun 1.21, not executable",
    "the path `/etc/passwd` exists but it is not executable: Operation not permitted",
    "/etc/passwd",
    'exec: "/etc/passwd": permission denied: unknown',
    126,
  ],
  [
    "runc, not in $PATH",
    'runc run failed: unable to start container process: exec: "nosuch": executable file not found in $PATH',
    "nosuch",
    'exec: "nosuch": executable file not found in $PATH: unknown',
    127,
  ],
  [
    "runc, not executable",
    'runc run failed: unable to start container process: exec: "/etc/passwd": permission denied',
    "/etc/passwd",
    'exec: "/etc/passwd": permission denied: unknown',
    126,
  ],
];

describe("what a runtime says of a command that cannot be run", () => {
  for (const [what, message, command, words, exitCode] of cases) {
    it(`becomes Docker's words and exit code: ${what}`, () => {
      const failure = startFailure(message, [command]);
      assert.deepEqual(
        [failure.error.message, failure.error.kind, failure.exitCode],
        [`${createPrefix}${words}`, "invalid", exitCode],
      );
    });
  }
});
