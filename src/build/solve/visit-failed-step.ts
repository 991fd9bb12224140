import { randomBytes } from "node:crypto";
import { closeSync, fstatSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf, notFound } from "../../errors.ts";
import { openMergedRoot } from "../../trees/merged.ts";
import { BuildError } from "../build-error.ts";
import type { StepVisitor } from "../client-session.ts";
import type { RunNode } from "../graph/nodes.ts";
import type { StepRoot } from "./run-step.ts";
import type { Solving, StepWork } from "./solving.ts";

const shells = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash", "/bin/ash", "/bin/sh", "/usr/bin/sh"];

/** What has gone wrong where. */
export interface StepFailure extends Pick<StepWork, "tell" | "freeSlot"> {
  node: RunNode;
  root: StepRoot;
  error: unknown;
}

/**
 * Lets the client look around with a shell where a command has failed, if it wants to. What the shell changes goes with the step.
 * @param run a command in the step's root file system, among its mounts
 */
export async function visitFailedStep(
  { session: find, signal }: Solving,
  { node, root, error, tell, freeSlot }: StepFailure,
  run: (command: RunNode, more: { visitor: StepVisitor; signal: AbortSignal }) => Promise<void>,
): Promise<void> {
  if (!(error instanceof BuildError) || error.exitCode === undefined) return;
  const session = await find("").catch(() => undefined);
  if (!session?.takesFailedSteps || signal.aborted) return;
  // A shell is open for as long as its user likes: other steps go on.
  freeSlot();
  try {
    const found = findShell([root.upper, ...root.lower]);
    const failed = { step: node.name, error: error.message, needsShell: found === undefined };
    const visitor = await session.openFailedStep(failed, signal);
    try {
      const args = found === undefined ? putShell(root.upper, visitor.shell) : [found];
      await run({ ...node, args }, { visitor, signal: AbortSignal.any([signal, visitor.gone]) });
    } finally {
      visitor.close();
    }
  } catch (problem) {
    // The exit code of a shell is that of its last command.
    if (problem instanceof BuildError || signal.aborted) return;
    tell({
      stream: "stderr",
      data: Buffer.from(`no shell could be opened where the step failed: ${messageOf(problem)}\n`),
    });
  }
}

/** @param layers directories of the root file system, topmost first */
function findShell(layers: readonly string[]): string | undefined {
  const root = openMergedRoot(layers);
  try {
    return shells.find((path) => {
      const fd = root.findFile(path);
      if (fd === undefined) return false;
      const { mode } = fstatSync(fd);
      closeSync(fd);
      return (mode & 0o111) !== 0;
    });
  } finally {
    root.close();
  }
}

/** Under a new name of its own at the top of the step's directory, which is removed after it. */
function putShell(upper: string, program: Buffer | undefined): string[] {
  if (!program) throw notFound("the image has no shell, and the client gave none");
  const name = `.berth-shell-${randomBytes(8).toString("hex")}`;
  mkdirSync(join(upper, name), { mode: 0o755 });
  writeFileSync(join(upper, name, "busybox"), program, { mode: 0o755, flag: "wx" });
  return [`/${name}/busybox`, "sh"];
}
