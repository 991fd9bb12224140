import { readFileSync } from "node:fs";
import path from "node:path";
import {
  executeTemplate,
  type GoStruct,
  headerFunctions,
  parseTemplate,
  type Template,
  TemplateError,
} from "../formats/go-template/go-template.ts";
import { formatColumns } from "../formats/table.ts";
import { findZoneAbbreviation } from "../formats/time-zone.ts";
import type { Cli } from "./cli.ts";
import { ExitError } from "./command.ts";

export interface ListOutput {
  /** What the user asked for: "", "table", "table TEMPLATE", "json" or a template. */
  format: string;
  /** The template of the default table, without the word table. */
  table: string;
  /** Column titles by field. */
  headers: Record<string, string>;
  /** Asked for one at a time: thousands that live at once are work for the garbage collector. */
  rows: Iterable<GoStruct>;
  /** Another named format of this list, such as "raw". */
  raw?: string;
}

export const formatHelp = `Format output using a custom template:
'table':            Print output in table format with column headers (default)
'table TEMPLATE':   Print output in table format using the given Go template
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`;

export const inspectFormatHelp = `Format output using a custom template:
'json':             Print in JSON format
'TEMPLATE':         Print output using the given Go template.
Refer to https://docs.docker.com/go/formatting/ for more information about formatting output with templates`;

export function printList(cli: Cli, list: ListOutput): void {
  const text = formatList(list);
  if (text !== undefined) cli.stdout.write(`${text}\n`);
}

/** The lines without a newline at the end; undefined where there is none, not even an empty one. @throws ExitError for a wrong template */
export function formatList({ format, table, headers, rows, raw }: ListOutput): string | undefined {
  const wanted =
    format === "" || format === "table" ? `table ${table}` : format === "raw" && raw ? raw : format;
  const isTable = wanted.startsWith("table ") || wanted.startsWith("table{");
  const body = wanted === "json" ? "{{json .}}" : isTable ? wanted.slice("table".length) : wanted;
  const source = body
    .replace(/^ +| +$/g, "")
    .replaceAll("\\t", "\t")
    .replaceAll("\\n", "\n");
  const template = parseOrExit(source);
  const lines = Array.from(rows, (row) => executeOrExit(template, row));
  if (!isTable) return lines.length === 0 ? undefined : lines.join("\n");
  const title = { ...headers, Label: (name: string) => (name.split(".").at(-1) ?? "").replace(/[-_]/g, " ") };
  return formatColumns(
    [executeTemplate(template, title, { functions: headerFunctions }), ...lines].join("\n"),
  );
}

export function parseOrExit(source: string, prefix = "failed to parse template: ", exitCode = 1): Template {
  try {
    return parseTemplate(source);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ExitError(exitCode, prefix + error.message);
  }
}

export function executeOrExit(
  template: Template,
  data: unknown,
  prefix = "failed to execute template: ",
  exitCode = 1,
): string {
  try {
    return executeTemplate(template, data);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ExitError(exitCode, prefix + error.message);
  }
}

/** Cuts to a width in characters, the last one an ellipsis. */
export function ellipsis(text: string, width: number): string {
  if (text.length <= width) return text;
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

export function formatLabels(labels: Record<string, string> | null | undefined): string {
  return Object.entries(labels ?? {})
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(",");
}

/** As Go prints a time in the zone of this machine: `2026-11-20 19:07:35 +0000 UTC`. */
export function formatLocalTime(unixSeconds: number): string {
  const [day, clock = ""] = formatLocalRfc3339(unixSeconds).split("T");
  const offset = -new Date(unixSeconds * 1000).getTimezoneOffset();
  const shift = clock.endsWith("Z") ? "+0000" : clock.slice(8).replace(":", "");
  return `${day} ${clock.slice(0, 8)} ${shift} ${zoneName(offset * 60) ?? shift}`;
}

function zoneName(offsetSeconds: number): string | undefined {
  const zone = process.env.TZ?.replace(/^:/, "");
  if (zone === "" || zone === "UTC") return "UTC";
  const file = zone === undefined ? "/etc/localtime" : path.resolve("/usr/share/zoneinfo", zone);
  try {
    return findZoneAbbreviation(readFileSync(file), offsetSeconds);
  } catch {
    return offsetSeconds === 0 ? "UTC" : undefined;
  }
}

/** RFC 3339 in the zone of this machine; `fraction` is the digits after the second. */
export function formatLocalRfc3339(unixSeconds: number, fraction = ""): string {
  const date = new Date(unixSeconds * 1000);
  const offset = -date.getTimezoneOffset();
  const two = (value: number) => String(Math.trunc(Math.abs(value))).padStart(2, "0");
  const zone = offset === 0 ? "Z" : `${offset < 0 ? "-" : "+"}${two(offset / 60)}:${two(offset % 60)}`;
  const local = new Date(date.getTime() + offset * 60_000).toISOString().slice(0, 19);
  return `${local}${fraction && `.${fraction}`}${zone}`;
}

/** As Go prints a time, in the zone the daemon wrote it in. */
export function formatFullTime(text: string): string {
  const match = /^(\S+)T(\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text);
  if (match === null) return text;
  const [, day, clock, digits = "", zone = "Z"] = match;
  const fraction = digits.replace(/0+$/, "");
  const shift = zone === "Z" ? "+0000 UTC" : `${zone.replace(":", "")} ${zone.replace(":", "")}`;
  return `${day} ${clock}${fraction && `.${fraction}`} ${shift}`;
}
