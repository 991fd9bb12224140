import type { EnterableStep } from "../../client/build/failed-step.ts";
import type { Cli } from "../cli.ts";
import { ExitError } from "../command.ts";
import { readBusybox } from "../container/enter-guest.ts";
import { followTerminalSize, runSession } from "../terminal.ts";
import { type BuildView, printable } from "./build-view.ts";

/** Who looks at failed steps, one after the other, and holds up the progress meanwhile. */
export interface FailedStepVisits {
  enter(failed: EnterableStep): Promise<void>;
  /** Resolves once no shell is open. */
  over(): Promise<void>;
}

/** @param wanted the value of `--on-error` @param readsInput the build itself reads the standard input @throws ExitError */
export function checkOnError(cli: Cli, wanted: string, readsInput: boolean): void {
  if (wanted !== "shell")
    throw new ExitError(1, `invalid value ${JSON.stringify(wanted)} for --on-error: use shell`);
  if (readsInput)
    throw new ExitError(
      1,
      "--on-error=shell needs the standard input for the shell: give the build files by their paths",
    );
  if (!cli.stdin.isTTY || !cli.stdout.isTTY)
    throw new ExitError(1, "the input device is not a TTY: --on-error=shell needs a terminal");
}

export function createVisits(cli: Cli, view: BuildView): FailedStepVisits {
  let last = Promise.resolve();
  return {
    enter(failed) {
      last = last.then(() => visit(cli, view, failed)).catch((error: unknown) => cli.warn(String(error)));
      return last;
    },
    over: () => last,
  };
}

async function visit(
  cli: Cli,
  view: BuildView,
  { step, error, needsShell, open }: EnterableStep,
): Promise<void> {
  const resume = view.pause();
  try {
    cli.warn(`\nERROR: ${printable(`${step}: ${error}`)}`);
    const shell = needsShell ? readBusybox(cli) : undefined;
    if (needsShell && !shell) {
      cli.warn(
        "the step's image has no shell, and this machine has no static busybox to bring along: install one with 'apt-get install busybox-static'",
      );
      return;
    }
    if (needsShell) cli.warn("The step's image has no shell: this machine's busybox is brought along.");
    cli.warn("A shell with the files that the step has left. The build ends when you leave it.");
    const { rows = 0, columns = 0 } = cli.stdout;
    const { terminal, resize } = await open({ rows, columns }, shell);
    const stopFollowing = followTerminalSize(cli, resize);
    try {
      const connection = { socket: terminal } as Parameters<typeof runSession>[1]["connection"];
      const detachKeys = cli.config.detachKeys ?? "";
      await runSession(cli, { connection, isTty: true, hasStdin: true, hasOutput: true, detachKeys });
    } finally {
      stopFollowing();
    }
  } finally {
    resume();
  }
}
