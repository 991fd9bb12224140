import { formatExcerpt } from "./excerpt.ts";
import type { Dockerfile, LintWarning, Range } from "./instructions.ts";
import { lineRanges } from "./lint-report.ts";
import { describeStage, type Outline } from "./outline.ts";

/*
 * What is asked of a Dockerfile instead of building it (`docker build --call`), as the metadata of BuildKit's answers.
 */

export interface CallAnswer {
  "result.json": string;
  "result.txt": string;
  "result.statuscode"?: string;
  version: string;
}

const version = "1.0.0";

/** `frontend.outline`. */
export function answerOutline({ text }: Dockerfile, outline: Outline): CallAnswer {
  const { name, description, args, secrets, ssh } = outline;
  const json = {
    ...said({ name, description }),
    ...list("args", args, ({ name, description, value }) => said({ name, description, value })),
    ...list("secrets", secrets, ({ name, isRequired }) => ({ name, ...(isRequired && { required: true }) })),
    ...list("ssh", ssh, ({ name, isRequired }) => ({ name, ...(isRequired && { required: true }) })),
    sources: [base64(text)],
  };
  const keys = (title: string, all: Outline["ssh"]) =>
    table(
      3,
      [title, "REQUIRED"],
      all.map((key) => [key.name, key.isRequired ? "true" : ""]),
    );
  const head = Object.entries(said({ TARGET: name, DESCRIPTION: description }));
  const parts = [
    table(
      1,
      [],
      head.map(([title, value]) => [`${title}:`, value]),
    ),
    table(
      3,
      ["BUILD ARG", "VALUE", "DESCRIPTION"],
      args.map(({ name, value = "", description = "" }) => [name, value, description]),
    ),
    keys("SECRET", secrets),
    keys("SSH", ssh),
  ];
  const shown = parts.filter((part) => part !== "").map((part) => `${part}\n`);
  return { "result.json": encode(json), "result.txt": shown.join(""), version };
}

/** `frontend.targets`. */
export function answerTargets({ text, stages }: Dockerfile): CallAnswer {
  const targets = stages.map((stage) => ({
    name: stage.name,
    isDefault: stage === stages.at(-1),
    description: describeStage(stage),
    base: stage.from.image,
    platform: stage.from.platform,
    range: stage.from.range,
  }));
  const json = {
    ...list("targets", targets, ({ name, isDefault, description, base, platform }) => ({
      ...said({ name }),
      ...(isDefault && { default: true }),
      ...said({ description, base, platform }),
    })),
    sources: [base64(text)],
  };
  const rows = targets.map(({ name = "", isDefault, description = "" }) => [
    [name, isDefault ? "(default)" : ""].filter((word) => word !== "").join(" "),
    description,
  ]);
  return { "result.json": encode(json), "result.txt": table(1, ["TARGET", "DESCRIPTION"], rows), version };
}

/** What a build of the same would have failed with. */
export interface LintFailure {
  message: string;
  range?: Range;
}

/** `frontend.lint`. */
export function answerLint(
  { text }: Pick<Dockerfile, "text">,
  filename: string,
  warnings: readonly LintWarning[],
  failure?: LintFailure,
): CallAnswer {
  const found = warnings.map(({ rule, description, url, detail, ranges }) => ({
    ...{ ruleName: rule, description, url, detail },
    location: { ranges: ranges.map(encodeRange) },
  }));
  const json = {
    warnings: found.length === 0 ? null : found,
    sources: [{ filename, data: base64(text), language: "Dockerfile" }],
    ...(failure && {
      buildError: {
        message: failure.message,
        location: failure.range ? { ranges: lineRanges(failure.range).map(encodeRange) } : {},
      },
    }),
  };
  const lines = text.split("\n");
  const shown = warnings
    .toSorted((one, other) => one.ranges[0]!.start.line - other.ranges[0]!.start.line)
    .map(({ rule, url, detail, ranges }) => {
      const excerpt = formatExcerpt(filename, lines, ranges) ?? "";
      return `\nWARNING: ${rule} - ${url}\n${detail}\n${excerpt}`;
    });
  return {
    "result.json": encode(json),
    "result.txt": shown.join(""),
    "result.statuscode": warnings.length > 0 || failure ? "1" : "0",
    version,
  };
}

/** Members that are empty are left out. */
function said(members: Record<string, string | undefined>): Record<string, string> {
  const all = Object.entries(members).filter((entry): entry is [string, string] => Boolean(entry[1]));
  return Object.fromEntries(all);
}

/** A member, unless it is empty, of things that each have a place. */
function list<T extends { range: Range }>(name: string, all: readonly T[], encodeOne: (one: T) => object) {
  if (all.length === 0) return {};
  const located = (one: T) => ({
    ...encodeOne(one),
    location: { ranges: lineRanges(one.range).map(encodeRange) },
  });
  return { [name]: all.map(located) };
}

const encodeRange = ({ start, end }: Range) => ({ start: { line: start.line }, end: { line: end.line } });
const base64 = (text: string): string => Buffer.from(text).toString("base64");

const escapes: Record<string, string> = { "<": "\\u003c", ">": "\\u003e", "&": "\\u0026" };

/** As Go's encoding/json. */
function encode(value: unknown): string {
  return JSON.stringify(value, undefined, 2).replace(/[<>&]/g, (character) => escapes[character]!);
}

/** Columns with `gap` blanks between them, the last one as it is. @param titles may be none */
function table(gap: number, titles: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return "";
  const all = titles.length > 0 ? [[...titles], ...rows] : rows;
  const widths = all[0]!.map((_, column) => Math.max(...all.map((row) => row[column]!.length)));
  const show = (row: string[]) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]! + gap)));
  return all.map((row) => `${show(row).join("")}\n`).join("");
}
