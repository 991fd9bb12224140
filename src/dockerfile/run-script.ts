import { trim } from "./blanks.ts";
import { findHeredocWord } from "./heredocs.ts";
import type { CommandForm, Heredoc } from "./instructions.ts";

/** What a RUN in shell form comes to. */
export type RunScript =
  /** For the shell: heredocs stand in the text, as they were written. */
  | { kind: "shell"; text: string }
  /** A program of its own, since it begins with `#!`. */
  | { kind: "program"; name: string; content: string };

type ShellCommand = Extract<CommandForm, { form: "shell" }>;

/** A heredoc that is all there is holds the script; what it would do with quotes and variables does not matter then. */
export function readRunScript(command: ShellCommand): RunScript {
  const only = findOnlyHeredoc(command);
  if (only?.content.startsWith("#!")) return { kind: "program", name: only.name, content: only.content };
  if (only) return { kind: "shell", text: only.content };
  const heredocs = command.heredocs.map(({ written, name }) => `\n${written}${name}`);
  return { kind: "shell", text: command.text + heredocs.join("") };
}

function findOnlyHeredoc({ text, heredocs }: ShellCommand): Heredoc | undefined {
  return findHeredocWord(text) && heredocs[0];
}

/** The first line of a script, for progress: `echo a...`; undefined without a script. */
export function summarizeScript(command: ShellCommand): string | undefined {
  const only = findOnlyHeredoc(command);
  if (!only) return undefined;
  const [first = "", ...more] = trim(only.written).split(/\r?\n/);
  return more.length > 0 ? `${first}...` : first;
}
