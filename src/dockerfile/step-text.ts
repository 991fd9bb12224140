import { EngineError } from "../errors.ts";
import type { Instruction, Run } from "./instructions.ts";
import { findVariable } from "./run-mount.ts";
import { summarizeScript } from "./run-script.ts";
import { type ExpandOptions, expandWord, type Variables } from "./words.ts";

/**
 * An instruction as progress shows it: as written, its first word in capitals, variables with their values. What is for a shell keeps
 * its quotes, and variables that have no value; secrets are masked.
 */
export function stepText(
  instruction: Instruction,
  lookup: Variables,
  { escape: escaper }: Pick<ExpandOptions, "escape">,
): string {
  const text =
    instruction.kind === "run"
      ? runText(instruction, lookup, escaper)
      : expandOrKeep(instruction.source, lookup, { escape: escaper });
  const end = text.indexOf(" ");
  return end < 0 ? text.toUpperCase() : text.slice(0, end).toUpperCase() + text.slice(end);
}

function runText(
  { command, mounts, source }: Run,
  lookup: Variables,
  escaper: ExpandOptions["escape"],
): string {
  const summary = command.form === "shell" ? summarizeScript(command) : undefined;
  const secrets = new Set(mounts.map(findVariable));
  const masked = (name: string) => (secrets.has(name) ? "****" : lookup(name));
  const text = summary === undefined ? source : `${source} (${summary})`;
  return expandOrKeep(text, masked, { escape: escaper, keepsQuotes: true, keepsUnset: true });
}

/** What cannot be expanded stays as it is. */
function expandOrKeep(text: string, lookup: Variables, options: ExpandOptions): string {
  try {
    return expandWord(text, lookup, options);
  } catch (error) {
    if (error instanceof EngineError) return text;
    throw error;
  }
}
