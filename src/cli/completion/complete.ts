import { createCli, globalFlags } from "../cli.ts";
import { defineCommand } from "../command.ts";
import { findCommand } from "../find-command.ts";
import type { FlagTable } from "../flag.ts";
import { groups, innerGroups } from "../groups.ts";
import { parseFlags } from "../parse-flags.ts";
import { commands } from "../table.ts";
import { findNames, kindOfArgument, kindOfFlag, type NameKind } from "./names.ts";

/** Any other character could move the cursor of the terminal, or end a line: the names come from outside. */
const printable = /^[\x21-\x7e]+$/;

export const command = defineCommand({
  usage: "[--] WORD...",
  arity: [0],
  isInterspersed: false,
  flags: {},
  async run({ cli, args }) {
    const current = args.at(-1) ?? "";
    const rest = args.slice(0, -1);
    const globals = rest.slice(0, rest.length - afterFlags(globalFlags, rest).length);
    const words = rest.slice(globals.length);
    const { candidates, kind } = await complete(words, current, globals);
    const parsed = parseFlags(globalFlags, globals, { interspersed: false });
    const names = kind && (await findNames(createCli(parsed.values, parsed.given, cli, cli.isCommand), kind));
    for (const word of [...new Set([...candidates, ...(names ?? [])])].sort()) {
      if (word.startsWith(current) && printable.test(word)) cli.print(word);
    }
  },
});

interface Completion {
  candidates: string[];
  /** Names that the engine is asked for. */
  kind?: NameKind | undefined;
}

async function complete(words: string[], current: string, globals: string[]): Promise<Completion> {
  const found = findCommand(words);
  const line = words.join(" ");
  const isGroup = Object.hasOwn(groups, line) || Object.hasOwn(innerGroups, line);
  if (words.length === 0 || (isGroup && found?.path !== line)) {
    const open = openFlag(globalFlags, globals);
    if (open !== undefined && words.length === 0) return { candidates: [] };
    if (current.startsWith("-")) return { candidates: isGroup ? ["--help"] : flagWords(globalFlags) };
    return { candidates: commandWords(line === "" ? undefined : line) };
  }
  if (found?.entry.load === undefined) return { candidates: [] };
  const { spec } = (await found.entry.load()).command;
  const open = openFlag(spec.flags, found.rest);
  if (open !== undefined) return { candidates: [], kind: kindOfFlag(open) };
  const given = argumentsOf(spec.flags, found.rest);
  if (current.startsWith("-")) return { candidates: flagWords({ ...spec.flags, help: globalFlags.help }) };
  return { candidates: [], kind: kindOfArgument(spec.usage, given.length) };
}

function commandWords(group: string | undefined): string[] {
  const prefix = group === undefined ? "" : `${group} `;
  const names = Object.entries(commands)
    .filter(([, entry]) => entry.isHidden !== true)
    .flatMap(([name, entry]) => [name, ...(entry.aliases ?? [])])
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
    .flatMap((name) => (group === undefined && name.includes(" ") ? [] : [name.split(" ")[0] as string]));
  return group === undefined ? [...names, ...Object.keys(groups), "daemon", "quickstart"] : names;
}

const flagWords = (flags: FlagTable) =>
  Object.entries(flags).flatMap(([name, flag]) => (flag.isHidden ? [] : [`--${name}`]));

/** Whether a word is a flag whose value is the next word; which one. */
function openedBy(flags: FlagTable, word: string | undefined): string | undefined {
  if (word === undefined || word.includes("=")) return undefined;
  const isNamed = (name: string, short: string) =>
    word === `--${name}` || (short !== "" && /^-[A-Za-z]+$/.test(word) && word.endsWith(short));
  return Object.entries(flags).find(
    ([name, flag]) => flag.placeholder !== "" && isNamed(name, flag.short),
  )?.[0];
}

/** The flag that these words end with and that has no value yet. */
function openFlag(flags: FlagTable, words: readonly string[]): string | undefined {
  let open: string | undefined;
  for (const word of words) open = open === undefined ? openedBy(flags, word) : undefined;
  return open;
}

function argumentsOf(flags: FlagTable, words: readonly string[]): string[] {
  let open: string | undefined;
  const found: string[] = [];
  for (const word of words) {
    const isValue = open !== undefined;
    open = isValue ? undefined : openedBy(flags, word);
    if (!isValue && (word === "-" || !word.startsWith("-"))) found.push(word);
  }
  return found;
}

/** The words from the first that is neither a flag nor a flag's value. */
function afterFlags(flags: FlagTable, words: readonly string[]): string[] {
  const [first] = argumentsOf(flags, words);
  return first === undefined ? [] : words.slice(indexOfArgument(flags, words));
}

function indexOfArgument(flags: FlagTable, words: readonly string[]): number {
  return words.findIndex((_, index) => argumentsOf(flags, words.slice(0, index + 1)).length > 0);
}
