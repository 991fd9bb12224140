import { parseSize } from "../formats/units.ts";

/** One flag of a command: how it is shown, what it is when not given, and how each use of it changes the value. */
export interface Flag<T> {
  short: string;
  help: string;
  /** What the help shows after the name; empty for a switch, which needs no value. */
  placeholder: string;
  initial: T;
  /** @throws Error with the reason, which is shown after `invalid argument "x" for "--flag" flag:` */
  apply(previous: T, text: string): T;
  isHidden?: boolean;
}

export type FlagTable = Record<string, Flag<unknown>>;
export type FlagValues<F> = { [Name in keyof F]: F[Name] extends Flag<infer T> ? T : never };

export const bool = (short: string, help: string, initial = false): Flag<boolean> => ({
  short,
  help,
  placeholder: "",
  initial,
  apply: (_, text) => parseBool(text),
});

export const string = (short: string, help: string, initial = "", placeholder = "string"): Flag<string> => ({
  short,
  help,
  placeholder,
  initial,
  apply: (_, text) => text,
});

/** May be repeated; `check` may refuse or rewrite a value. */
export const repeated = (
  short: string,
  help: string,
  placeholder = "list",
  check: (text: string) => string = (text) => text,
): Flag<string[]> => ({
  short,
  help,
  placeholder,
  initial: [],
  apply: (previous, text) => [...previous, check(text)],
});

/** May be repeated and take several at once, separated by commas. */
export const commaList = (short: string, help: string, placeholder = "strings"): Flag<string[]> => ({
  short,
  help,
  placeholder,
  initial: [],
  apply: (previous, text) => [...previous, ...text.split(",")],
});

/** `key=value`, repeated. */
export const map = (short: string, help: string): Flag<Record<string, string>> => ({
  short,
  help,
  placeholder: "map",
  initial: {},
  apply: (previous, text) => {
    const at = text.indexOf("=");
    return { ...previous, ...(at === -1 ? { [text]: "" } : { [text.slice(0, at)]: text.slice(at + 1) }) };
  },
});

/** `a=b,c=d`, repeated. */
export const keyValues = (short: string, help: string): Flag<Record<string, string>> => ({
  short,
  help,
  placeholder: "stringToString",
  initial: {},
  apply: (previous, text) => {
    const pairs = text.split(",").map((pair) => {
      const at = pair.indexOf("=");
      if (at === -1) throw new Error(`${pair} must be formatted as key=value`);
      return [pair.slice(0, at), pair.slice(at + 1)];
    });
    return { ...previous, ...Object.fromEntries(pairs) };
  },
});

export const int = (short: string, help: string, initial = 0): Flag<number> => ({
  short,
  help,
  placeholder: "int",
  initial,
  apply: (_, text) => parseInteger(text),
});

/** As `int`, of 16 bits and never negative. */
export const uint16 = (short: string, help: string): Flag<number> => ({
  short,
  help,
  placeholder: "uint16",
  initial: 0,
  apply(_, text) {
    const parsing = `strconv.ParseUint: parsing ${JSON.stringify(text)}`;
    if (!/^\d+$/.test(text)) throw new Error(`${parsing}: invalid syntax`);
    if (Number(text) > 0xffff) throw new Error(`${parsing}: value out of range`);
    return Number(text);
  },
});

/** As `int`, but undefined when not given. */
export const optionalInt = (short: string, help: string): Flag<number | undefined> => ({
  short,
  help,
  placeholder: "int",
  initial: undefined,
  apply: (_, text) => parseInteger(text),
});

/** A size such as 64m, in bytes. */
export const bytes = (short: string, help: string): Flag<number> => ({
  short,
  help,
  placeholder: "bytes",
  initial: 0,
  apply: (_, text) => parseSize(text),
});

/** @throws Error in Go's words */
export function parseBool(text: string): boolean {
  if (["1", "t", "T", "true", "TRUE", "True"].includes(text)) return true;
  if (["0", "f", "F", "false", "FALSE", "False"].includes(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

function parseInteger(text: string): number {
  if (!/^[+-]?\d+$/.test(text))
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (BigInt.asIntN(64, BigInt(text.replace("+", ""))) !== BigInt(text.replace("+", "")))
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return Number(text);
}
