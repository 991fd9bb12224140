import { formatPrintf } from "./go-template-printf.ts";
import {
  findMapRecord,
  formatJson,
  formatType,
  formatValue,
  isStruct,
  isTrue,
  keyTypeOf,
  zeroOf,
} from "./go-template-values.ts";

export type TemplateFunction = (...values: unknown[]) => unknown;

const text = (value: unknown): string => {
  if (typeof value !== "string")
    throw new Error(`wrong type for value; expected string; got ${formatType(value)}`);
  return value;
};

const count = (value: unknown): number => {
  if (typeof value !== "number")
    throw new Error(`wrong type for value; expected int; got ${formatType(value)}`);
  return value;
};

/** Go's print adds a space between operands when neither is a string; println always. */
function print(values: unknown[], isLine: boolean): string {
  let out = "";
  for (const [index, value] of values.entries()) {
    const isSpaced = isLine || (typeof value !== "string" && typeof values[index - 1] !== "string");
    out += (index > 0 && isSpaced ? " " : "") + formatValue(value);
  }
  return isLine ? `${out}\n` : out;
}

function index(collection: unknown, ...keys: unknown[]): unknown {
  if (collection === undefined || collection === null) throw new Error("index of untyped nil");
  let item: unknown = collection;
  for (const key of keys) {
    if (Array.isArray(item) || typeof item === "string") {
      if (typeof key !== "number") throw new Error(`cannot index slice/array with type ${formatType(key)}`);
      if (key < 0 || key >= item.length) throw new Error(`index out of range: ${key}`);
      item = typeof item === "string" ? item.charCodeAt(key) : item[key];
      continue;
    }
    const map = findMapRecord(item);
    if (map === undefined) {
      if (item === undefined || item === null) throw new Error("index of nil pointer");
      throw new Error(`can't index item of type ${formatType(item)}`);
    }
    const keyType = keyTypeOf(item);
    if (keyType !== undefined) throw new Error(`value has type ${formatType(key)}; should be ${keyType}`);
    if (typeof key !== "string") throw new Error(`value has type ${formatType(key)}; should be string`);
    item = Object.hasOwn(map, key) ? map[key] : zeroOf(item);
  }
  return item;
}

function slice(collection: unknown, ...bounds: unknown[]): unknown {
  if (!Array.isArray(collection) && typeof collection !== "string") {
    if (collection === undefined || collection === null) throw new Error("slice of untyped nil");
    throw new Error(`can't slice item of type ${formatType(collection)}`);
  }
  const [start = 0, end = collection.length] = bounds.map(count);
  for (const bound of [start, end]) {
    if (bound < 0 || bound > collection.length) throw new Error(`index out of range: ${bound}`);
  }
  if (start > end) throw new Error(`invalid slice index: ${start} > ${end}`);
  return collection.slice(start, end);
}

function length(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  const map = findMapRecord(value);
  if (map !== undefined) return Object.keys(map).length;
  if (value === undefined || value === null)
    throw new Error("reflect: call of reflect.Value.Type on zero Value");
  throw new Error(`len of type ${formatType(value)}`);
}

const isNil = (value: unknown) => value === undefined || value === null;
const isNumber = (value: unknown): value is number | bigint => ["number", "bigint"].includes(typeof value);
const isBasic = (value: unknown) => ["string", "number", "bigint", "boolean"].includes(typeof value);

function isEqual(first: unknown, ...rest: unknown[]): boolean {
  if (rest.length === 0) throw new Error("missing argument for comparison");
  return rest.some((other) => {
    if (isNil(first) || isNil(other)) return isNil(first) && isNil(other);
    if (!isBasic(first) || !isBasic(other)) throw new Error("non-comparable types");
    if (isNumber(first) && isNumber(other)) return !(first < other || first > other);
    if (typeof first !== typeof other) throw new Error("incompatible types for comparison");
    return first === other;
  });
}

function isLess(first: unknown, second: unknown): boolean {
  if (isNumber(first) && isNumber(second)) return first < second;
  if (typeof first === "string" && typeof second === "string") return first < second;
  if (isBasic(first) && typeof first === typeof second) throw new Error("invalid type for comparison");
  throw new Error("incompatible types for comparison");
}

const htmlEscapes: Record<string, string> = {
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
};

const escapeHtml = (raw: string) => raw.replace(/["'&<>]/g, (char) => htmlEscapes[char] ?? char);
const escapeJs = (raw: string) =>
  raw.replace(/[\\'"<>&=\n\r\t]/g, (char) => {
    if ("\\'\"".includes(char)) return `\\${char}`;
    if (char === "\n") return "\\n";
    if (char === "\r") return "\\r";
    if (char === "\t") return "\\t";
    return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
  });
const escapeQuery = (raw: string) =>
  encodeURIComponent(raw)
    .replaceAll("%20", "+")
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

const goFunctions: Record<string, TemplateFunction> = {
  // `and` and `or` stop at the first deciding operand: see go-template-eval.ts.
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1),
  or: (...values) => values.find(isTrue) ?? values.at(-1),
  not: (value) => !isTrue(value),
  len: length,
  index,
  slice,
  print: (...values) => print(values, false),
  println: (...values) => print(values, true),
  printf: (format, ...values) => formatPrintf(text(format), values),
  html: (...values) => escapeHtml(print(values, false)),
  js: (...values) => escapeJs(print(values, false)),
  urlquery: (...values) => escapeQuery(print(values, false)),
  call: (target, ...values) => {
    if (typeof target !== "function") throw new Error(`non-function of type ${formatType(target)}`);
    return target(...values);
  },
  eq: isEqual,
  ne: (first, second) => !isEqual(first, second),
  lt: isLess,
  le: (first, second) => isLess(first, second) || isEqual(first, second),
  gt: (first, second) => !isLess(first, second) && !isEqual(first, second),
  ge: (first, second) => !isLess(first, second),
};

/** Characters behind what Go's strings.Title takes for the end of a word: blanks, and of ASCII all but letters, digits and `_`. */
const firstCharacters = /(?<=^|[^\P{ASCII}\w]|\p{White_Space})./gsu;

const titled = (raw: string) => raw.replace(firstCharacters, toTitle);

/** Letters that are two have a form of their own for titles. */
const twoLetters = new Map(
  [..."ǄǅǆǇǈǉǊǋǌǱǲǳ"].map((letter, at) => [letter, [..."ǅǈǋǲ"][Math.floor(at / 3)]]),
);

function toTitle(character: string): string {
  const upper = character.toUpperCase();
  // What comes to several characters stays, and so does what Georgian has no titles of.
  const stays = [...upper].length > 1 || /[\u10d0-\u10ff]/.test(character);
  return twoLetters.get(character) ?? (stays ? character : upper);
}

/** What Docker adds to Go's own. */
const dockerFunctions: Record<string, TemplateFunction> = {
  json: (value) => formatJson(value),
  split: (raw, separator) => text(raw).split(text(separator)),
  join: (list, separator) => {
    if (!Array.isArray(list))
      throw new Error(`wrong type for value; expected []string; got ${formatType(list)}`);
    return list.map(text).join(text(separator));
  },
  title: (raw) => titled(text(raw)),
  lower: (raw) => text(raw).toLowerCase(),
  upper: (raw) => text(raw).toUpperCase(),
  pad: (raw, before, after) => {
    return text(raw) === "" ? "" : " ".repeat(count(before)) + text(raw) + " ".repeat(count(after));
  },
  truncate: (raw, width) => Buffer.from(text(raw)).subarray(0, count(width)).toString(),
};

export const templateFunctions: Readonly<Record<string, TemplateFunction>> = {
  ...goFunctions,
  ...dockerFunctions,
};

/** How many arguments the others must have at least. */
export const minimalArity: Readonly<Record<string, number>> = {
  and: 1,
  or: 1,
  eq: 1,
  index: 1,
  slice: 1,
  printf: 1,
  call: 1,
};

/** The types of parameters that take only one. */
export const parameterTypes: Readonly<Record<string, readonly ("string" | "int" | "[]string")[]>> = {
  printf: ["string"],
  split: ["string", "string"],
  join: ["[]string", "string"],
  title: ["string"],
  lower: ["string"],
  upper: ["string"],
  pad: ["string", "int", "int"],
  truncate: ["string", "int"],
};

/** Number of arguments each takes; those not listed take any. */
export const functionArity: Readonly<Record<string, number>> = {
  not: 1,
  len: 1,
  ne: 2,
  lt: 2,
  le: 2,
  gt: 2,
  ge: 2,
  json: 1,
  split: 2,
  join: 2,
  title: 1,
  lower: 1,
  upper: 1,
  pad: 3,
  truncate: 2,
};

/** For a header line every row function gives back what it got: `{{json .ID}}` heads its column with "ID". */
export const headerFunctions: Readonly<Record<string, TemplateFunction>> = {
  ...templateFunctions,
  json: (value) => (isStruct(value) ? "" : value),
  split: (value) => value,
  join: (value) => value,
  title: (value) => value,
  lower: (value) => value,
  upper: (value) => value,
  truncate: (value) => value,
};
