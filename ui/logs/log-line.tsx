import { Fragment } from "preact";
import { formatClock } from "../formats/time.ts";
import { parseAnsi, plainText } from "./ansi.ts";
import { foldFields, parseFields } from "./fields.ts";
import type { LogLine } from "./line-store.ts";

interface LineProps {
  line: LogLine;
  /** Of its container; "" where there is one only. */
  name: string;
  hasTime: boolean;
  pattern: RegExp | undefined;
  isWrapped: boolean;
}

/** One line of a log. All of it is text, whatever it says. */
export function LogText({ line, name, hasTime, pattern, isWrapped }: LineProps) {
  // A wrapped line is shown as it is: its height was worked out from its text.
  const fields = isWrapped ? undefined : parseFields(line.text);
  return (
    <>
      {name !== "" && <b class={`from s${line.source % 6}`}>{name.padEnd(14).slice(0, 14)} </b>}
      {hasTime && <time class="muted">{formatStamp(line.time)} </time>}
      {fields ? (
        <Folded fields={fields} pattern={pattern} />
      ) : (
        <Coloured text={line.text} pattern={pattern} />
      )}
    </>
  );
}

/** Columns before a line's text. */
export const columnsBefore = (hasName: boolean, hasTime: boolean) => (hasName ? 15 : 0) + (hasTime ? 13 : 0);

function formatStamp(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "            ";
  return `${formatClock(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

function Coloured({ text, pattern }: { text: string; pattern: RegExp | undefined }) {
  const spans = parseAnsi(text);
  return (
    <>
      {spans.map(({ text: part, look, colour }, index) => (
        <span
          key={`${index}${look}`}
          class={look || undefined}
          style={colour ? { color: colour } : undefined}
        >
          <Marked text={part} pattern={pattern} />
        </span>
      ))}
    </>
  );
}

function Folded({ fields, pattern }: { fields: Record<string, unknown>; pattern: RegExp | undefined }) {
  const { level, message, rest } = foldFields(fields);
  return (
    <>
      {level && <span class={`level ${levelClass(level)}`}>{level} </span>}
      <Marked text={plainText(message)} pattern={pattern} />{" "}
      <span class="muted">
        <Marked text={plainText(rest)} pattern={pattern} />
      </span>
    </>
  );
}

const levelClass = (level: string) =>
  /^(err|fatal|crit|panic|50|60)/i.test(level) ? "a1" : /^(warn|40)/i.test(level) ? "a3" : "";

const mostMarks = 200;

function Marked({ text, pattern }: { text: string; pattern: RegExp | undefined }) {
  if (!pattern) return <>{text}</>;
  const parts: { at: number; before: string; match: string }[] = [];
  let at = 0;
  pattern.lastIndex = 0;
  for (const match of text.matchAll(pattern)) {
    if (parts.length >= mostMarks || match[0] === "") break;
    parts.push({ at: match.index, before: text.slice(at, match.index), match: match[0] });
    at = match.index + match[0].length;
  }
  return (
    <>
      {parts.map(({ at: place, before, match }) => (
        <Fragment key={place}>
          {before}
          <mark>{match}</mark>
        </Fragment>
      ))}
      {text.slice(at)}
    </>
  );
}
