import { readFileSync } from "node:fs";
import {
  executeTemplate,
  goRow,
  parseTemplate,
  TemplateError,
} from "../../src/formats/go-template/go-template.ts";
import { typeJson } from "../../src/formats/go-template/inspect-types.ts";
import type { Random } from "../random.ts";
import type { Target } from "./target.ts";
import { oddWords, spoil } from "./words.ts";

const container = JSON.parse(
  readFileSync(new URL("../formats/container-inspect.json", import.meta.url), "utf8"),
);
const row = goRow("row", { Name: () => "box", ID: () => "abc", Label: (name) => name.toUpperCase() });
const typed = typeJson(container, "Container");
const data: readonly unknown[] = [typed, container, row, null, [], "text", 7];

const pieces = [
  ".",
  ".Name",
  ".State.Running",
  ".Config.Env",
  ".NetworkSettings.Networks",
  ".HostConfig.Binds",
  ".Nosuch",
  "$",
  "$x",
  "$x := .Name",
  "$x = 1",
  "nil",
  "true",
  "1",
  "-1",
  "1.5",
  "0x1f",
  "1e400",
  "'a'",
  '"\\U00ffffff"',
  '"text"',
  "`raw`",
  '"\\u00e4\\x"',
  "(len .Name)",
  "if .Name",
  "else",
  "else if 1",
  "end",
  "range .Config.Env",
  "range $i, $e := .Config.Env",
  "with .State",
  "break",
  "continue",
  'define "t"',
  'template "t" .',
  'block "t" .',
  "/* comment */",
  "json .",
  "index .Config.Env 0",
  "index . 1 2 3",
  "slice .Name 1 2",
  'printf "%d %s %v %q %x %5.2f %%" 1 .Name . .Name 255 1.5',
  'printf "%*d" 5 1',
  "println .Name",
  'join .Config.Env ","',
  'split .Name ""',
  "upper .Name",
  "title .Name",
  "pad .Name 3 3",
  "truncate .Name 2",
  "eq .Name .Name 1",
  "lt 1 .Name",
  "and .Name 0",
  "not .",
  "html .Name",
  "js .",
  "urlquery .",
  "call .Name",
  "len .",
  "print . .",
];

function randomTemplate(random: Random): string {
  const parts = Array.from({ length: random.between(1, 6) }, () => {
    const [left, right] = [random.pick(["{{", "{{", "{{- ", "{"]), random.pick(["}}", "}}", " -}}", "}"])];
    const inner = Array.from({ length: random.between(1, 3) }, () => random.pick(pieces));
    const action = left + inner.join(random.pick([" ", " | ", ""])) + right;
    return random.next() < 0.8 ? action : random.pick(oddWords) + action;
  });
  const text = parts.join("");
  return random.next() < 0.3 ? spoil(random, text) : text;
}

/** Templates of `--format`, on what they are used for. */
export const templates: Target = {
  name: "templates",
  smallCount: 20_000,
  mostMilliseconds: 100,
  open: () => ({
    attempt(random) {
      try {
        const text = executeTemplate(parseTemplate(randomTemplate(random)), random.pick(data));
        if (typeof text !== "string") throw new TypeError("no text");
      } catch (error) {
        if (!(error instanceof TemplateError)) throw error;
      }
    },
  }),
};
