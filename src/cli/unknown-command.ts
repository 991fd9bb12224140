import type { Cli } from "./cli.ts";
import { ExitError, pointToHelp } from "./command.ts";
import { groups, innerGroups, ownPrograms, unsupported } from "./groups.ts";
import { formatSuggestions, suggestWords } from "./suggest.ts";
import { commands } from "./table.ts";

/** Says what is wrong with a line that no command is found for, or shows the help of a group. */
export async function explainUnknown(cli: Cli, words: readonly string[]): Promise<number> {
  const [first = "", second] = words;
  if (unsupported.includes(first)) throw new ExitError(1, `berth: 'berth ${first}' is not yet supported`);
  const isGroup = Object.hasOwn(groups, first);
  // As docker has it, for whatever reason.
  const group = first === "volume" ? "volume COMMAND" : first;
  const hint = isGroup ? "" : suggestCommands(first);
  refuseFlags(words.slice(1), isGroup ? group : undefined, hint);
  if (!isGroup) {
    throw new ExitError(
      1,
      `berth: unknown command: berth ${first}${hint}\n\nRun 'berth --help' for more information`,
    );
  }
  if (second === undefined || ["--help", "-h", "--"].includes(second)) {
    const { formatGroupHelp } = await import("./help.ts");
    (second === undefined || second === "--" ? cli.warn : cli.print)(formatGroupHelp(first));
    return 0;
  }
  const inner = `${first} ${second}`;
  if (Object.hasOwn(innerGroups, inner)) {
    const { formatGroupHelp } = await import("./help.ts");
    const [third] = words.slice(2);
    if (third === undefined || ["--help", "-h"].includes(third)) {
      (third === undefined ? cli.warn : cli.print)(formatGroupHelp(inner));
      return 0;
    }
    throw new ExitError(1, `berth: unknown command: berth ${inner} ${third}\n\n${pointToHelp(inner)}`);
  }
  throw new ExitError(
    1,
    `berth: unknown command: berth ${first} ${second}${suggestCommands(second, first)}\n\nUsage:  berth ${group}\n\n${pointToHelp(first)}`,
  );
}

/** Flags are looked at before the command is: one that is not known is what is wrong first. */
function refuseFlags(words: readonly string[], group: string | undefined, hint: string): void {
  const flag = words.find((word) => word.startsWith("-") && word !== "-");
  if (flag === undefined || ["--", "--help", "-h"].includes(flag)) return;
  const [name = ""] = flag.split("=");
  const what = flag.startsWith("--") ? `flag: ${name}` : `shorthand flag: '${flag[1]}' in ${flag}`;
  const usage = group === undefined ? "[OPTIONS] COMMAND [ARG...]" : group;
  const pointer =
    group === undefined
      ? "Run 'berth --help' for more information"
      : pointToHelp(group.replace(" COMMAND", ""));
  throw new ExitError(125, `unknown ${what}${hint}\n\nUsage:  berth ${usage}\n\n${pointer}`);
}

/** @param group whose commands are meant; without it those that stand alone, and the groups */
function suggestCommands(word: string, group?: string): string {
  const prefix = group === undefined ? "" : `${group} `;
  const names = Object.entries(commands)
    .filter(([, entry]) => entry.isHidden !== true)
    .flatMap(([name, entry]) => [name, ...(entry.aliases ?? [])])
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
  if (group === undefined) names.push(...Object.keys(groups), ...ownPrograms);
  return formatSuggestions(
    suggestWords(
      word,
      names.filter((name) => !name.includes(" ")),
    ).map((name) => `berth ${prefix}${name}`),
  );
}
