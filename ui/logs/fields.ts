import { plainText } from "./ansi.ts";

/** The object that a line is, in JSON; undefined for another. */
export function parseFields(line: string): Record<string, unknown> | undefined {
  if (!/^\s*\{/.test(line)) return undefined;
  try {
    const value: unknown = JSON.parse(plainText(line));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

export type FieldTest = (fields: Record<string, unknown>) => boolean;

const levels = ["trace", "debug", "info", "notice", "warn", "error", "fatal", "panic"];
const aliases: Record<string, string> = { warning: "warn", err: "error", critical: "fatal", emerg: "panic" };

/** "level>=400 status=500 msg~timeout": all must hold. Undefined for what cannot be read. */
export function parseFieldFilter(text: string): FieldTest | undefined {
  const tests = text
    .trim()
    .split(/\s+/)
    .filter(Boolean)
    .map((term): FieldTest | undefined => {
      const [, name = "", operator = "", wanted = ""] = /^([\w.@-]+)(>=|<=|!=|=|>|<|~)(.+)$/.exec(term) ?? [];
      if (name === "") return undefined;
      return (fields) => holds(findField(fields, name), operator, wanted);
    });
  if (tests.includes(undefined)) return undefined;
  return (fields) => tests.every((test) => test?.(fields));
}

/** "a.b" is the member b of a, unless there is one of that very name. */
function findField(fields: Record<string, unknown>, name: string): unknown {
  if (Object.hasOwn(fields, name)) return fields[name];
  return name.split(".").reduce<unknown>((value, part) => {
    const isThere = typeof value === "object" && value !== null && Object.hasOwn(value, part);
    return isThere ? (value as Record<string, unknown>)[part] : undefined;
  }, fields);
}

function holds(value: unknown, operator: string, wanted: string): boolean {
  if (value === undefined) return operator === "!=";
  if (operator === "!=") return !holds(value, "=", wanted);
  const text = writeValue(value);
  if (operator === "~") return text.toLowerCase().includes(wanted.toLowerCase());
  if (operator === "=") return text === wanted || (rankOf(text) >= 0 && rankOf(text) === rankOf(wanted));
  const difference = compare(text, wanted);
  if (Number.isNaN(difference)) return false;
  if (operator === ">=") return difference >= 0;
  if (operator === "<=") return difference <= 0;
  return operator === ">" ? difference > 0 : difference < 0;
}

/** What is nested so deep that it cannot be written is only hinted at: a line may be any JSON. */
function writeValue(value: unknown): string {
  if (typeof value !== "object") return String(value);
  try {
    return JSON.stringify(value);
  } catch {
    return Array.isArray(value) ? "[…]" : "{…}";
  }
}

/** Numbers as such, and levels by their weight: "warn" is less than "error". */
function compare(a: string, b: string): number {
  const [left, right] = [rankOf(a), rankOf(b)];
  return left >= 0 && right >= 0 ? left - right : Number(a) - Number(b);
}

function rankOf(text: string): number {
  const name = text.toLowerCase();
  return levels.indexOf(aliases[name] ?? name);
}

const messageNames = ["msg", "message", "error", "err", "event"];
const levelNames = ["level", "lvl", "severity"];
const timeNames = ["time", "ts", "timestamp", "@timestamp"];

export interface FoldedLine {
  level: string;
  message: string;
  /** The other fields, as "name=value". */
  rest: string;
}

/** A JSON line on one line that is read: level, message, and the fields that are left. */
export function foldFields(fields: Record<string, unknown>): FoldedLine {
  const take = (names: readonly string[]) => names.find((name) => fields[name] !== undefined);
  const [level, message] = [take(levelNames), take(messageNames)];
  const others = Object.entries(fields).filter(
    ([name]) => name !== level && name !== message && !timeNames.includes(name),
  );
  return {
    level: level === undefined ? "" : writeValue(fields[level]),
    message: message === undefined ? "" : writeValue(fields[message]),
    rest: others.map(([name, value]) => `${name}=${writeValue(value)}`).join(" "),
  };
}
