import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  bigint64,
  int32,
  int64,
  type MessageType,
  many,
  message,
  one,
  protoBool,
  protoBytes,
  protoMap,
  protoString,
} from "../../src/buildkit/wire/message.ts";

interface Nest {
  inner: Nest | undefined;
  name: string;
}

const nest: MessageType<Nest> = message({ inner: one(1, () => nest), name: one(2, protoString) }) as never;
const all = message({
  text: one(1, protoString),
  number: one(2, int32),
  large: one(3, int64),
  exact: one(4, bigint64),
  flag: one(5, protoBool),
  bytes: one(6, protoBytes),
  numbers: many(7, int32),
  map: protoMap(8, protoString),
  nest: one(9, nest),
});
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");
const nothing = all.decode(Buffer.alloc(0));

describe("messages of BuildKit's API", () => {
  it("are as protobuf writes them", () => {
    const bytes = hex(
      "0a 02 c3a4  10 96 01  18 ff ff ff ff ff ff ff ff ff 01  20 80 80 80 80 80 80 80 80 40  28 01  32 01 ff 38 01 38 02 42 06 0a 01 6b 12 01 76 4a 03 12 01 78",
    );
    const value = {
      ...{ text: "ä", number: 150, large: -1, exact: 2n ** 62n, flag: true, bytes: Buffer.from([255]) },
      ...{ numbers: [1, 2], map: new Map([["k", "v"]]), nest: { inner: undefined, name: "x" } },
    };
    const decoded = all.decode(bytes);
    assert.deepEqual({ ...decoded, bytes: Buffer.from(decoded.bytes) }, value);
    assert.deepEqual(all.encode(value), bytes);
  });

  it("have all their fields, and pass over those that they don't know", () => {
    assert.deepEqual(
      { ...nothing.nest, ...nothing.map, text: nothing.text, flag: nothing.flag },
      { text: "", flag: false },
    );
    assert.deepEqual(all.encode({}), Buffer.alloc(0));
    assert.equal(all.decode(hex("f2 07 03 61 62 63  f8 07 05  0a 01 61")).text, "a");
  });

  it("take the last of a value, and numbers packed or not", () => {
    assert.equal(all.decode(hex("0a 01 61 0a 01 62")).text, "b");
    assert.deepEqual(all.decode(hex("3a 03 01 96 01 38 07")).numbers, [1, 150, 7]);
    assert.deepEqual(
      all.decode(hex("42 03 0a 01 6b 42 03 12 01 76")).map,
      new Map([
        ["k", ""],
        ["", "v"],
      ]),
    );
  });

  const refused: [string, Buffer, RegExp][] = [
    ["a length beyond the end", hex("0a 05 61"), /invalid message/],
    ["a message beyond the end", hex("4a 05 12"), /it is cut off/],
    ["a field beyond its message's end", hex("4a 02 12 04 61 62 63 64"), /it is cut off/],
    ["a packed number beyond its list's end", hex("3a 01 96 01"), /it is cut off/],
    ["a number without an end", hex("10 ff ff"), /invalid message/],
    ["another type", hex("0a 01 61 08 01"), /a field is of another type/],
    ["the number zero", hex("00 01"), /invalid message/],
    ["groups in groups", Buffer.alloc(1 << 20, 0xfb), /invalid message/],
    ["too many values", Buffer.alloc(1_200_000, hex("38 01")), /it has too many values/],
    [
      "too many in a list",
      Buffer.concat([hex("3a c0 8d b7 01"), Buffer.alloc(3_000_000)]),
      /it has too many values/,
    ],
  ];
  for (const [name, bytes, expected] of refused)
    it(`are refused with ${name}`, () =>
      assert.throws(() => all.decode(bytes), { kind: "invalid", message: expected }));

  it("are refused when they nest deeper than any sender does", () => {
    const nested = (depth: number): Buffer => {
      let value: Nest = { inner: undefined, name: "x" };
      for (let level = 0; level < depth; level++) value = { inner: value, name: "" };
      return nest.encode(value);
    };
    assert.equal(nest.decode(nested(3)).inner?.inner?.inner?.name, "x");
    assert.throws(() => nest.decode(nested(1000)), /nested too deeply/);
  });
});
