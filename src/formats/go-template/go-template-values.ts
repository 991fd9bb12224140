const structTag = Symbol("struct");
const mapTag = Symbol("map");

/*
 * Go's values are JavaScript's, and integers that are more than a number holds are bigints. What has no like is made here.
 */

/**
 * A Go struct: asking for a field it does not have is an error, where a map answers "no value".
 * A function among the fields is a method and is called; `json` is what `{{json .}}` prints.
 */
export interface GoStruct {
  readonly [structTag]: true;
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly json: unknown;
  /** What the fields that are functions are asked of: their first argument. */
  readonly subject?: unknown;
  /** Rows are encoded as Go does by default, with `<`, `>` and `&` escaped; what comes from the API is not. */
  readonly isEscaped?: boolean;
}

/** A Go map with a known element type; `zero` is what `index` gives for a key that is missing. */
export interface GoMap {
  readonly [mapTag]: true;
  readonly zero: unknown;
  readonly entries: Readonly<Record<string, unknown>>;
  /** What `{{json .}}` prints. */
  readonly json: unknown;
  /** The keys are of a named type: `index` with a plain string is an error then. */
  readonly keyType?: string | undefined;
}

export const goStruct = (type: string, fields: Record<string, unknown>, json: unknown): GoStruct => ({
  [structTag]: true,
  type,
  fields,
  json,
});
export const goMap = (
  entries: Record<string, unknown>,
  zero: unknown,
  json: unknown,
  keyType?: string,
): GoMap => ({
  [mapTag]: true,
  zero,
  entries,
  json,
  keyType,
});

const nilSlices = new WeakSet<readonly unknown[]>();

/** A slice that Go has as nil: empty in all but its JSON, which is null. */
export function goNilSlice(): unknown[] {
  const slice: unknown[] = [];
  nilSlices.add(slice);
  return slice;
}

/** A row of a list: every field a function, `{{json .}}` the ones without parameters, keys sorted. */
export function goRow(type: string, methods: Record<string, (argument: string) => unknown>): GoStruct {
  return {
    [structTag]: true,
    type,
    fields: methods,
    isEscaped: true,
    get json() {
      const plain = Object.entries(methods).filter(([, method]) => method.length === 0);
      return Object.fromEntries(plain.sort(byKey).map(([name, method]) => [name, method("")]));
    },
  };
}

/** Rows of one kind, of which there may be thousands: the same methods for all, each with what the row is about. */
export function goRows<T>(
  type: string,
  methods: Record<string, (subject: T, argument: string) => unknown>,
): (subject: T) => GoStruct {
  const plain = Object.entries(methods)
    .filter(([, method]) => method.length < 2)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return (subject) => ({
    [structTag]: true,
    type,
    fields: methods,
    subject,
    isEscaped: true,
    get json() {
      return Object.fromEntries(plain.map(([name, method]) => [name, method(subject, "")]));
    },
  });
}

export const isMethod = (field: unknown): field is (...values: unknown[]) => unknown =>
  typeof field === "function";

/** Of a field that is a function: how many arguments a template gives it. */
export function argumentCountOf({ subject }: GoStruct, method: (...values: unknown[]) => unknown): number {
  return subject === undefined ? method.length : Math.max(0, method.length - 1);
}

/** Calls a field that is a function. */
export function callMethod(
  { subject }: GoStruct,
  method: (...values: unknown[]) => unknown,
  values: readonly unknown[],
): unknown {
  return subject === undefined ? method(...values) : method(subject, ...values);
}

const byKey = ([a]: [string, unknown], [b]: [string, unknown]) => (a < b ? -1 : a > b ? 1 : 0);

export const isStruct = (value: unknown): value is GoStruct =>
  typeof value === "object" && value !== null && structTag in value;

/** The entries of a map, sorted by key, as Go prints and ranges over them; undefined for anything else. */
export function findMapEntries(value: unknown): [string, unknown][] | undefined {
  const record = findMapRecord(value);
  return record === undefined ? undefined : Object.entries(record).sort(byKey);
}

export function findMapRecord(value: unknown): Readonly<Record<string, unknown>> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value) || isStruct(value))
    return undefined;
  if (isMap(value)) return value.entries;
  return Object.fromEntries(Object.entries(value));
}

const isMap = (value: object): value is GoMap => mapTag in value;

export const isTypedMap = (value: unknown) => typeof value === "object" && value !== null && isMap(value);

/** The type of a map's keys when it is not plain string. */
export function keyTypeOf(map: unknown): string | undefined {
  return typeof map === "object" && map !== null && isMap(map) ? map.keyType : undefined;
}

/** What `index` gives for a key that is missing: the element type's zero value. */
export function zeroOf(map: unknown): unknown {
  return typeof map === "object" && map !== null && isMap(map) ? map.zero : undefined;
}

export function formatType(value: unknown): string {
  if (value === undefined || value === null) return "<nil>";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  if (typeof value === "bigint") return "int64";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") return "string";
  if (isStruct(value)) return value.type;
  if (Array.isArray(value))
    return value.every((item) => typeof item === "string") ? "[]string" : "[]interface {}";
  const elements = Object.values(findMapRecord(value) ?? {});
  return elements.length > 0 && elements.every((item) => typeof item === "string")
    ? "map[string]string"
    : "map[string]interface {}";
}

/** Empty values are false: false, 0, "", nil, and a map or list without elements. A struct is always true. */
export function isTrue(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  if (isStruct(value)) return true;
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === "object") return Object.keys(findMapRecord(value) ?? {}).length > 0;
  return Boolean(value);
}

export function formatNumber(value: number): string {
  if (Number.isInteger(value))
    return Math.abs(value) < 1e21 ? BigInt(value).toString() : formatExponent(value);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const size = Math.abs(value);
  return size < 1e-4 || size >= 1e21 ? formatExponent(value) : String(value);
}

export function formatExponent(value: number, digits?: number): string {
  return value.toExponential(digits).replace(/e([+-])(\d)$/, "e$10$2");
}

/** As Go's %v. */
export function formatValue(value: unknown): string {
  if (value === undefined || value === null) return "<nil>";
  if (typeof value === "string") return value;
  if (typeof value === "number") return formatNumber(value);
  return formatParts(value, formatValue) ?? String(value);
}

/** As Go puts a list, a struct or a map together of what each of its parts comes to; undefined for what has no parts. */
export function formatParts(value: unknown, format: (part: unknown) => string): string | undefined {
  if (Array.isArray(value)) return `[${value.map((item) => format(item)).join(" ")}]`;
  if (isStruct(value)) {
    const fields = Object.values(value.fields).map((field) =>
      isMethod(field) ? callMethod(value, field, [""]) : field,
    );
    return `{${fields.map((field) => format(field)).join(" ")}}`;
  }
  const entries = findMapEntries(value);
  return entries && `map[${entries.map(([key, item]) => `${format(key)}:${format(item)}`).join(" ")}]`;
}

/** What the `json` function prints: as Go encodes it, without escaping `<`, `>` and `&`. */
export function formatJson(value: unknown, indent?: string): string {
  const text = JSON.stringify(toJson(value), undefined, indent) ?? "null";
  return isStruct(value) && value.isEscaped ? text.replace(/[<>&]/g, escapeUnicode) : text;
}

const escapeUnicode = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;

/** Node has it, and TypeScript does not know yet. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

function toJson(value: unknown): unknown {
  if (typeof value === "bigint") return rawJSON(String(value));
  if (typeof value !== "object" || value === null) return value ?? null;
  if (Array.isArray(value)) return nilSlices.has(value) ? null : value.map(toJson);
  if (isStruct(value)) return toJson(value.json);
  if (isMap(value))
    return typeof value.json === "object" && value.json !== null ? sortKeys(value.json) : null;
  return Object.fromEntries(Object.entries(value).map(jsonEntry));
}

const sortKeys = (object: object) => Object.fromEntries(Object.entries(object).sort(byKey).map(jsonEntry));
const jsonEntry = ([key, value]: [string, unknown]): [string, unknown] => [key, toJson(value)];
