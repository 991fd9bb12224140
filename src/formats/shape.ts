import { isObject } from "./json.ts";
import { mismatch, type Path, type Place, tooLarge } from "./shape-path.ts";

/**
 * How a JSON value from outside becomes a T, by the rules of Go's encoding/json that Docker's clients rely on: members' names
 * in any case, null for the zero value, unknown members left out. Everything is checked to the leaves and bounded.
 */
export interface Shape<T> {
  /** Go's name of the type, which messages show: "int64", "[]string". */
  readonly type: string;
  /** What an absent or null value stands for. */
  readonly zero: () => T;
  /**
   * Gives the value itself where it is as it should be already, as everything is that was stored: thousands of records are read at a
   * start. @param value neither null nor undefined. @throws EngineError invalid in Go's words
   */
  readonly read: (value: unknown, path: Path) => T;
  /** Of a member of a struct: left out when absent or null, or also when it is the zero value. */
  readonly omit?: "absent" | "empty";
}

export type Decoded<S> = S extends Shape<infer T> ? T : never;

/** Reads a whole value. @throws EngineError invalid in Go's words */
export function decode<T>(shape: Shape<T>, value: unknown, root = ""): T {
  return value === null || value === undefined ? shape.zero() : shape.read(value, { root });
}

export const text = textOf(1 << 20);

/** Text, also where it is written as a number or a truth value: YAML leaves out the quotes, and so do people. */
export const scalar: Shape<string> = {
  ...text,
  read: (value, path) =>
    text.read(typeof value === "number" || typeof value === "boolean" ? String(value) : value, path),
};

/** @param most characters */
export function textOf(most: number): Shape<string> {
  return {
    type: "string",
    zero: () => "",
    read(value, path) {
      if (typeof value !== "string") throw mismatch(value, "string", path);
      if (value.length > most) throw tooLarge(path, `longer than ${most} characters`);
      return value;
    },
  };
}

export const flag: Shape<boolean> = {
  type: "bool",
  zero: () => false,
  read(value, path) {
    if (typeof value !== "boolean") throw mismatch(value, "bool", path);
    return value;
  },
};

const ranges = {
  int: [-(2 ** 63), 2 ** 63],
  int64: [-(2 ** 63), 2 ** 63],
  uint64: [0, 2 ** 64],
  uint: [0, 2 ** 64],
  uint32: [0, 2 ** 32 - 1],
  uint16: [0, 2 ** 16 - 1],
} as const;

/** Beyond 2^53 a number is the nearest that JavaScript has. */
export function integer(type: keyof typeof ranges): Shape<number> {
  const [least, most] = ranges[type];
  return {
    type,
    zero: () => 0,
    read(value, path) {
      if (typeof value !== "number") throw mismatch(value, type, path);
      if (!Number.isInteger(value) || value < least || value > most)
        throw mismatch(value, type, path, `number ${value}`);
      return value;
    },
  };
}

const mostItems = 5_000;

export function list<T>(item: Shape<T>, most = mostItems): Shape<T[] | null> {
  const type = `[]${item.type}`;
  return {
    type,
    zero: () => null,
    read(value, path) {
      if (!Array.isArray(value)) throw mismatch(value, type, path);
      if (value.length > most) throw tooLarge(path, `more than ${most} elements`);
      const place: Place = { name: 0, up: path };
      const read = value.map((one, at) => readAt(item, one, at, place));
      return read.every((one, at) => one === value[at]) ? value : read;
    },
  };
}

/** Names of the client's choice; none of them reaches a prototype. */
export function mapOf<T>(item: Shape<T>, most = mostItems): Shape<Record<string, T> | null> {
  const type = `map[string]${item.type}`;
  return {
    type,
    zero: () => null,
    read(value, path) {
      if (!isObject(value)) throw mismatch(value, type, path);
      const names = Object.keys(value);
      if (names.length > most) throw tooLarge(path, `more than ${most} entries`);
      const given = value as Record<string, unknown>;
      const place: Place = { name: "", up: path };
      const read = names.map((name) => readAt(item, given[name], name, place));
      const isSame = read.every((one, at) => one === given[names[at] as string]);
      if (isSame) return value as Record<string, T>;
      return Object.fromEntries(names.map((name, at) => [name, read[at] as T]));
    },
  };
}

type Fields = Record<string, Shape<unknown>>;
type Omitted<F> = { [K in keyof F]: F[K] extends { omit: string } ? K : never }[keyof F];
type Struct<F> = { [K in Exclude<keyof F, Omitted<F>>]: Decoded<F[K]> } & {
  [K in Omitted<F>]?: Decoded<F[K]>;
};

export interface StructShape<F extends Fields> extends Shape<{ [K in keyof Struct<F>]: Struct<F>[K] }> {
  readonly fields: F;
  /** Whether any member of it is named, even as null. */
  readonly mentions: (value: object) => boolean;
}

/** @param type Go's name of the struct. Members come in the order of `fields`. */
export function struct<const F extends Fields>(type: string, fields: F): StructShape<F> {
  const members = Object.entries(fields).map(([name, shape]) => ({ name, shape }));
  const names = new Map(members.map(({ name }) => [name.toLowerCase(), name]));
  type Built = ReturnType<StructShape<F>["zero"]>;
  return {
    type,
    fields,
    mentions: (value) => Object.keys(value).some((name) => names.has(name.toLowerCase())),
    zero: () => build(members, {}, { root: type }) as Built,
    read(value, path) {
      if (!isObject(value)) throw mismatch(value, type, path);
      return build(
        members,
        isInOrder(members, value) ? value : inOrder(members, names, value),
        path,
      ) as Built;
    },
  };
}

interface Member {
  name: string;
  shape: Shape<unknown>;
}

/** Whether all that an object has are members, by their own names and in their order, as in what was stored. */
function isInOrder(members: readonly Member[], value: object): boolean {
  const names = Object.keys(value);
  let at = 0;
  for (const { name } of members) if (name === names[at]) at++;
  return at === names.length;
}

/** Those of an object's members that are known. @param names by what they are in lower case */
function inOrder(members: readonly Member[], names: ReadonlyMap<string, string>, value: object): object {
  const own = new Set(names.values());
  const given = new Map<string, unknown>();
  for (const [name, member] of Object.entries(value)) {
    const known = own.has(name) ? name : names.get(name.toLowerCase());
    // As in Go, a null leaves what a member of that name in another case has said.
    if (known !== undefined && member !== null) given.set(known, member);
  }
  const there = members.filter(({ name }) => given.has(name));
  return Object.fromEntries(there.map(({ name }) => [name, given.get(name)]));
}

/**
 * @param given members in their order
 * @returns `given` itself where that has exactly what it should have
 */
function build(members: readonly Member[], given: object, up: Path): object {
  const names = Object.keys(given);
  const place: Place = { name: "", up };
  const read: unknown[] = [];
  let at = 0;
  let isSame = true;
  for (const { name, shape } of members) {
    const isThere = name === names[at];
    const value = isThere ? given[name as keyof typeof given] : leftOut;
    if (isThere) at++;
    place.name = name;
    const member = readMember(shape, value, place);
    isSame &&= member === value;
    read.push(member);
  }
  if (isSame) return given;
  const named = members.map(({ name }, index) => [name, read[index]] as const);
  return Object.fromEntries(named.filter(([, member]) => member !== leftOut));
}

const leftOut = Symbol("left out");

function readMember(shape: Shape<unknown>, value: unknown, place: Place): unknown {
  const isGiven = value !== leftOut && value !== undefined && value !== null;
  if (!isGiven && shape.omit) return leftOut;
  const read = isGiven ? shape.read(value, place) : shape.zero();
  return shape.omit === "empty" && isEmpty(read) ? leftOut : read;
}

/** Those members only that are given and not null. */
export function partial<F extends Fields>({ type, fields }: StructShape<F>) {
  const optional = Object.entries(fields).map(([name, shape]) => [name, { ...shape, omit: "absent" }]);
  return struct(type, Object.fromEntries(optional)) as Shape<unknown> as Shape<
    Partial<Decoded<StructShape<F>>>
  >;
}

/** A member left out when it is absent or null. */
export function optional<T>(shape: Shape<T>): Shape<NonNullable<T>> & { omit: "absent" } {
  return { ...(shape as Shape<NonNullable<T>>), omit: "absent" };
}

/** A member left out when it is empty too: Go's omitempty. */
export function omitEmpty<T>(shape: Shape<T>): Shape<NonNullable<T>> & { omit: "empty" } {
  return { ...(shape as Shape<NonNullable<T>>), omit: "empty" };
}

/** A member that is null when it is absent. */
export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return { ...(shape as Shape<T | null>), zero: () => null };
}

/** Two numbers, the missing ones 0 and others ignored, as Go reads an array. */
export function pair(item: Shape<number>): Shape<[number, number]> {
  return {
    type: `[2]${item.type}`,
    zero: () => [0, 0],
    read(value, path) {
      if (!Array.isArray(value)) throw mismatch(value, `[2]${item.type}`, path);
      const place: Place = { name: 0, up: path };
      const [first, second] = [readAt(item, value[0], 0, place), readAt(item, value[1], 1, place)];
      const isSame = value.length === 2 && value[0] === first && value[1] === second;
      return isSame ? (value as [number, number]) : [first, second];
    },
  };
}

/** "sh" for ["sh"], as old clients and some libraries send. */
export const textOrList: Shape<string[] | null> = {
  ...list(text),
  read(value, path) {
    if (typeof value === "string") return [text.read(value, path)];
    if (Array.isArray(value) && value.every((one) => one === null || typeof one === "string"))
      return list(text).read(value, path);
    throw mismatch(value, "string", { root: "" });
  },
};

/** An object that says nothing: the values of Go's map[string]struct{}. */
export const emptyObject: Shape<object> = {
  type: "struct {}",
  zero: () => ({}),
  read(value, path) {
    if (!isObject(value)) throw mismatch(value, "struct {}", path);
    return {};
  },
};

function readAt<T>(shape: Shape<T>, value: unknown, name: string | number, place: Place): T {
  if (value === null || value === undefined) return shape.zero();
  place.name = name;
  return shape.read(value, place);
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  if (isObject(value)) return Object.keys(value).length === 0;
  return value === null || value === "" || value === 0 || value === false;
}
