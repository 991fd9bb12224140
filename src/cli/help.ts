import { type Command, formatUsage } from "./command.ts";
import type { Flag, FlagTable } from "./flag.ts";
import { groups, innerGroups } from "./groups.ts";
import type { DescribedPlugin } from "./plugins/describe-plugin.ts";
import { commands } from "./table.ts";

const common = [
  "run",
  "exec",
  "ps",
  "build",
  "pull",
  "push",
  "images",
  "login",
  "logout",
  "search",
  "version",
  "info",
];

export function formatCommandHelp(path: string, name: string, command: Command, columns: number): string {
  const { usage, description, flags } = command.spec;
  const entry = commands[name];
  const names = [name, ...(entry?.aliases ?? [])];
  const sections = [formatUsage(path, usage), entry?.summary ?? ""];
  if (description !== undefined) sections.push(description);
  if (names.length > 1) sections.push(`Aliases:\n  ${names.map((alias) => `berth ${alias}`).join(", ")}`);
  if (Object.keys(flags).length > 0) sections.push(`Options:\n${formatFlags(flags, columns)}`);
  return sections.join("\n\n");
}

export function formatGroupHelp(group: string): string {
  const prefix = `${group} `;
  const rows = Object.entries(commands)
    .filter(([name, entry]) => name.startsWith(prefix) && entry.isHidden !== true)
    .map(([name, entry]): [string, string] => [name.slice(prefix.length), entry.summary]);
  return [
    `Usage:  berth ${group} COMMAND`,
    groups[group] ?? innerGroups[group] ?? "",
    `Commands:\n${formatRows(rows)}`,
    `Run 'berth ${group} COMMAND --help' for more information on a command.`,
  ].join("\n\n");
}

export function formatMainHelp(
  flags: FlagTable,
  columns: number,
  plugins: readonly DescribedPlugin[],
): string {
  const summaries = new Map<string, string>();
  for (const [name, entry] of Object.entries(commands)) {
    for (const alias of [name, ...(entry.aliases ?? [])]) {
      if (!alias.includes(" ")) summaries.set(alias, entry.summary);
    }
  }
  const row = (name: string): [string, string] => [name, summaries.get(name) ?? ""];
  const others = [...summaries.keys()].filter((name) => !common.includes(name) && name !== "ps").sort();
  const ours: [string, string][] = [
    ["daemon", "Run the engine in the foreground"],
    ["quickstart", "Start the engine and make a first image"],
  ];
  const { help: _, ...shown } = flags;
  const offered = plugins
    .filter(({ Err }) => Err === undefined)
    .map(({ Name, ShortDescription = "" }): [string, string] => [`${Name}*`, ShortDescription]);
  const unusable = plugins.flatMap(({ Name, Err }): [string, string][] =>
    Err === undefined ? [] : [[Name, Err]],
  );
  return [
    "Usage:  berth [OPTIONS] COMMAND",
    "A Docker-compatible container engine",
    `Common Commands:\n${formatRows(common.map(row))}`,
    `Management Commands:\n${formatRows([...Object.entries(groups), ...offered].sort())}`,
    `Commands:\n${formatRows(others.map(row))}`,
    `Engine:\n${formatRows(ours)}`,
    ...(unusable.length > 0 ? [`Invalid Plugins:\n${formatRows(unusable)}`] : []),
    `Global Options:\n${formatFlags(shown, columns)}`,
    "Run 'berth COMMAND --help' for more information on a command.",
  ].join("\n\n");
}

function formatRows(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(12, ...rows.map(([name]) => name.length + 2));
  return rows.map(([name, text]) => `  ${name.padEnd(width)}${text}`.trimEnd()).join("\n");
}

/** As pflag lays flags out: sorted, descriptions in a column of their own and wrapped. */
function formatFlags(flags: FlagTable, columns: number): string {
  const shown = Object.entries(flags)
    .filter(([, flag]) => flag.isHidden !== true)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = shown.map(([name, flag]) => {
    const short = flag.short === "" ? "    " : `-${flag.short}, `;
    return [
      `  ${short}--${name}${flag.placeholder && ` ${flag.placeholder}`}`,
      flag.help + formatDefault(flag),
    ] as const;
  });
  const indent = Math.max(0, ...rows.map(([left]) => left.length)) + 3;
  return rows.map(([left, help]) => left.padEnd(indent) + wrap(help, indent, columns)).join("\n");
}

function formatDefault({ initial, placeholder }: Flag<unknown>): string {
  if (placeholder === "map") return " (default map[])";
  if (placeholder === "stringToString") return " (default [])";
  if (typeof initial === "string") return initial === "" ? "" : ` (default ${JSON.stringify(initial)})`;
  if (typeof initial === "number") return initial === 0 ? "" : ` (default ${initial})`;
  return initial === true ? " (default true)" : "";
}

function wrap(text: string, indent: number, columns: number): string {
  const width = Math.max(24, columns - indent);
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && line.length + 1 + word.length >= width) {
        lines.push(line);
        line = word;
      } else line = line === "" ? word : `${line} ${word}`;
    }
    lines.push(line);
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}
