import { BinaryReader, BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { invalid } from "../../errors.ts";

/*
 * Protobuf messages (proto3), each described once by its fields. What is decoded has all of them; what is encoded may leave out those
 * that have their zero value. Unknown fields are passed over.
 */

/** Each takes many times its bytes once it is read: what has more is an attack on memory. */
const mostValues = 500_000;

class Reader extends BinaryReader {
  valuesLeft = mostValues;
}

/** How one value is read and written. */
interface Codec<T> {
  wire: WireType;
  read(reader: Reader, depth: number): T;
  write(writer: BinaryWriter, value: T): void;
}

interface Scalar<T> extends Codec<T> {
  zero: T;
}

export interface MessageType<T> extends Codec<T> {
  decode(bytes: Uint8Array): T;
  encode(value: Given<T>): Buffer;
}

/** What may be left out where a message is encoded. */
export type Given<T> = T extends Uint8Array | Map<string, unknown>
  ? T
  : T extends readonly (infer E)[]
    ? readonly Given<E>[]
    : T extends object
      ? { [K in keyof T]?: Given<T[K]> | undefined }
      : T;

interface Field<T> {
  number: number;
  zero(): T;
  /** @param before what has been read of the field so far. @returns what the field is now */
  read(reader: Reader, wire: WireType, before: T, depth: number): T;
  write(writer: BinaryWriter, value: T): void;
}

// biome-ignore lint/suspicious/noExplicitAny: a table of fields of all types
type Fields = Record<string, Field<any>>;
type ValuesOf<F extends Fields> = { [K in keyof F]: F[K] extends Field<infer T> ? T : never };

export type MessageOf<M> = M extends MessageType<infer T> ? T : never;

function scalar<T>(
  wire: WireType,
  zero: T,
  read: (reader: BinaryReader) => T,
  write: (writer: BinaryWriter, value: T) => unknown,
): Scalar<T> {
  return { wire, zero, read, write };
}

/** An integer that a number holds exactly; beyond it is cut to what one does. */
function toNumber(value: bigint | string): number {
  return Number(value);
}

const noBytes = Buffer.alloc(0);

export const protoString = scalar<string>(
  WireType.LengthDelimited,
  "",
  (reader) => reader.string(),
  (writer, value) => writer.string(value),
);
/** What is decoded is a copy. */
export const protoBytes = scalar<Uint8Array>(
  WireType.LengthDelimited,
  noBytes,
  (reader) => reader.bytes(),
  (writer, value) => writer.bytes(value),
);
export const protoBool = scalar<boolean>(
  WireType.Varint,
  false,
  (reader) => reader.bool(),
  (writer, value) => writer.bool(value),
);
export const int32 = scalar<number>(
  WireType.Varint,
  0,
  (reader) => reader.int32(),
  (writer, value) => writer.int32(value),
);
export const protoUint32 = scalar<number>(
  WireType.Varint,
  0,
  (reader) => reader.uint32(),
  (writer, value) => writer.uint32(value),
);
export const int64 = scalar<number>(
  WireType.Varint,
  0,
  (reader) => toNumber(reader.int64()),
  (writer, value) => writer.int64(BigInt(value)),
);
/** For what does not fit into a number: times in nanoseconds. */
export const bigint64 = scalar<bigint>(
  WireType.Varint,
  0n,
  (reader) => BigInt(reader.int64()),
  (writer, value) => writer.int64(value),
);

/** No sender nests deeper; what does is an attack on the stack. */
const deepest = 32;

/** @param type of a message that contains itself: a function */
export function one<T>(number: number, type: Scalar<T>): Field<T>;
export function one<T>(number: number, type: MessageType<T> | (() => MessageType<T>)): Field<T | undefined>;
export function one<T>(
  number: number,
  given: Scalar<T> | MessageType<T> | (() => MessageType<T>),
): Field<T | undefined> {
  const find = () => (typeof given === "function" ? given() : given);
  const isScalar = typeof given !== "function" && "zero" in given;
  const zero = isScalar ? given.zero : undefined;
  return {
    number,
    zero: () => zero,
    read: (reader, wire, _, depth) => readValue(reader, wire, find(), depth),
    write(writer, value) {
      if (value === undefined || (isScalar && isZero(value))) return;
      const type = find();
      writer.tag(number, type.wire);
      type.write(writer, value);
    },
  };
}

export function many<T>(number: number, type: Codec<T>): Field<T[]> {
  return {
    number,
    zero: () => [],
    read(reader, wire, before, depth) {
      // Numbers may come packed.
      if (wire === WireType.LengthDelimited && type.wire === WireType.Varint) {
        const end = reader.uint32() + reader.pos;
        while (reader.pos < end) {
          countValue(reader);
          before.push(type.read(reader, depth));
        }
        if (reader.pos > end) throw cutOff();
      } else before.push(readValue(reader, wire, type, depth));
      return before;
    },
    write(writer, values) {
      for (const value of values) {
        writer.tag(number, type.wire);
        type.write(writer, value);
      }
    },
  };
}

/** A map by text. */
export function protoMap<T>(number: number, type: Scalar<T> | MessageType<T>): Field<Map<string, T>> {
  const entry = message({ key: one(1, protoString), value: one(2, type as MessageType<T>) });
  const zero = "zero" in type ? type.zero : undefined;
  return {
    number,
    zero: () => new Map(),
    read(reader, wire, before, depth) {
      const { key, value } = readValue(reader, wire, entry, depth);
      before.set(key, (value ?? zero) as T);
      return before;
    },
    write(writer, values) {
      for (const [key, value] of values) {
        writer.tag(number, WireType.LengthDelimited);
        entry.write(writer, { key, value });
      }
    },
  };
}

export function message<F extends Fields>(fields: F): MessageType<ValuesOf<F>> {
  type Value = ValuesOf<F>;
  const byNumber = new Map(Object.entries(fields).map(([name, field]) => [field.number, { name, field }]));
  const names = Object.entries(fields);

  function readFields(reader: Reader, end: number, depth: number): Value {
    if (depth > deepest) throw invalid("invalid message: nested too deeply");
    const value = Object.fromEntries(names.map(([name, field]) => [name, field.zero()]));
    while (reader.pos < end) {
      countValue(reader);
      const [number, wire] = reader.tag();
      const known = byNumber.get(number);
      if (!known) reader.skip(wire);
      else value[known.name] = known.field.read(reader, wire, value[known.name], depth + 1);
    }
    if (reader.pos > end) throw cutOff();
    return value as Value;
  }

  function writeFields(writer: BinaryWriter, value: Given<Value>): void {
    for (const [name, field] of names) {
      const given = (value as Record<string, unknown>)[name];
      if (given !== undefined) field.write(writer, given);
    }
  }

  return {
    wire: WireType.LengthDelimited,
    read(reader, depth) {
      const length = reader.uint32();
      const end = reader.pos + length;
      if (end > reader.len) throw cutOff();
      return readFields(reader, end, depth);
    },
    write(writer, value) {
      writer.fork();
      writeFields(writer, value as Given<Value>);
      writer.join();
    },
    decode(given) {
      try {
        return readFields(new Reader(given), given.length, 0);
      } catch (error) {
        if (error instanceof RangeError || error instanceof Error)
          throw invalid(`invalid message: ${error.message.replace(/^invalid message: /, "")}`, error);
        throw error;
      }
    },
    encode(value) {
      const writer = new BinaryWriter();
      writeFields(writer, value);
      const written = writer.finish();
      return Buffer.from(written.buffer, written.byteOffset, written.byteLength);
    },
  };
}

const cutOff = () => invalid("invalid message: it is cut off");

function countValue(reader: Reader): void {
  if (--reader.valuesLeft < 0) throw invalid("invalid message: it has too many values");
}

function readValue<T>(reader: Reader, wire: WireType, type: Codec<T>, depth: number): T {
  if (wire !== type.wire) throw invalid("invalid message: a field is of another type");
  return type.read(reader, depth);
}

function isZero(value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  return value === "" || value === 0 || value === false || value === 0n;
}
