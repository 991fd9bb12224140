import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeAddress, decodeRoute, encodeNewAddress } from "../../src/sys/address-message.ts";
import { decodeFlow, encodeFlowDeletion } from "../../src/sys/conntrack-message.ts";
import { decodeLink, encodeSetLinkByName } from "../../src/sys/link-message.ts";
import {
  decodeAttributes,
  decodeErrno,
  decodeMessages,
  encodeAttributes,
  encodeMessage,
  encodeText,
  uint32,
} from "../../src/sys/netlink-message.ts";
import { encodeElementBatch } from "../../src/sys/nftables-message.ts";

test("messages and attributes come back as they went", () => {
  const payload = encodeAttributes([
    [1, encodeText("eth0")],
    [2, uint32(4_000_000_000)],
    [3, [[1, Buffer.from([1, 2, 3])]]],
  ]);
  const one = { type: 16, flags: 5, sequence: 7, payload };
  const two = { type: 3, flags: 0, sequence: 8, payload: Buffer.from([9]) };
  assert.deepEqual(decodeMessages(Buffer.concat([encodeMessage(one), encodeMessage(two)])), [one, two]);
  const attributes = decodeAttributes(payload);
  assert.equal(attributes.get(1)?.toString(), "eth0\0");
  assert.equal(attributes.get(2)?.readUInt32LE(), 4_000_000_000);
  assert.deepEqual(decodeAttributes(attributes.get(3) ?? Buffer.alloc(0)).get(1), Buffer.from([1, 2, 3]));
});

test("every cut of a datagram is read without an error or an endless loop", () => {
  const { payload } = encodeSetLinkByName("eth0", {
    mtu: 1400,
    macAddress: "02:42:ac:11:00:02",
    alias: "x",
    up: true,
  });
  const message = encodeMessage({ type: 16, flags: 0, sequence: 1, payload });
  for (let length = 0; length < message.length; length++)
    assert.deepEqual(decodeMessages(message.subarray(0, length)), []);
  for (let length = 0; length <= payload.length; length++) decodeAttributes(payload.subarray(0, length));
  for (let length = 16; length <= payload.length; length++) decodeLink(payload.subarray(0, length));
  assert.throws(() => decodeLink(payload.subarray(0, 8)), RangeError);
});

test("lengths that lie end the list", () => {
  for (const length of [0, 3, 15, 17, 0xffffffff]) {
    const bytes = encodeMessage({ type: 1, flags: 0, sequence: 1, payload: Buffer.alloc(0) });
    bytes.writeUInt32LE(length, 0);
    assert.deepEqual(decodeMessages(bytes), []);
  }
  for (const length of [0, 3, 9, 0xffff]) {
    const bytes = encodeAttributes([[1, uint32(1)]]);
    bytes.writeUInt16LE(length, 0);
    assert.equal(decodeAttributes(bytes).size, 0);
  }
});

test("a link's fields are read", () => {
  const { payload } = encodeSetLinkByName("veth0", {
    mtu: 1400,
    macAddress: "02:42:ac:11:00:02",
    alias: "container",
    master: 9,
    up: true,
  });
  assert.deepEqual(decodeLink(payload), {
    index: 0,
    name: "veth0",
    isUp: true,
    master: 9,
    mtu: 1400,
    macAddress: "02:42:ac:11:00:02",
    kind: "",
    alias: "container",
  });
});

test("an address comes back as it went, and the machine's own addresses are no routes", () => {
  for (const bytes of ["ac110001", "fd000000000000000000000000000001"]) {
    const subnet = { linkIndex: 3, address: Buffer.from(bytes, "hex"), prefixLength: 16 };
    const { payload } = encodeNewAddress(subnet, Buffer.from("ac11ffff", "hex"));
    assert.deepEqual(decodeAddress(payload), subnet);
    payload[0] = 7;
    assert.equal(decodeAddress(payload), undefined);
  }
  const route = (prefix: number, table: number) =>
    Buffer.concat([
      Buffer.from([2, prefix, 0, 0, table, 0, 0, 0, 0, 0, 0, 0]),
      encodeAttributes([
        [1, Buffer.from([10, 0, 0, 0])],
        [4, uint32(2)],
      ]),
    ]);
  assert.deepEqual(decodeRoute(route(8, 254)), {
    address: Buffer.from([10, 0, 0, 0]),
    prefixLength: 8,
    linkIndex: 2,
    hasGateway: false,
  });
  assert.equal(decodeRoute(route(8, 51820))?.prefixLength, 8);
  assert.equal(decodeRoute(route(8, 255)), undefined);
  assert.equal(decodeRoute(route(0, 254)), undefined);
});

test("an error message holds an errno; one that is cut is an acknowledgement", () => {
  const payload = Buffer.alloc(20);
  payload.writeInt32LE(-17);
  assert.equal(decodeErrno(payload), 17);
  assert.equal(decodeErrno(Buffer.alloc(2)), 0);
});

test("a tracked flow without ports is passed over, one with them can be named again", () => {
  assert.equal(decodeFlow(Buffer.alloc(0)), undefined);
  assert.equal(decodeFlow(Buffer.concat([Buffer.alloc(4), encodeAttributes([[1, []]])])), undefined);
  const tuple = encodeAttributes([
    [1, [[2, Buffer.from([10, 0, 0, 1])]]],
    [
      2,
      [
        [1, Buffer.of(17)],
        [3, Buffer.from([0, 53])],
      ],
    ],
  ]);
  const flow = decodeFlow(Buffer.concat([Buffer.alloc(4), encodeAttributes([[1, tuple]])]));
  assert.ok(flow);
  assert.deepEqual(flow, {
    protocol: 17,
    destination: Buffer.from([10, 0, 0, 1]),
    destinationPort: 53,
    tuple,
  });
  assert.deepEqual(decodeAttributes(encodeFlowDeletion(flow).subarray(4)).get(1), tuple);
});

test("a transaction is framed, numbered through, and acknowledged at its last element", () => {
  const elements = [1, 2].map((byte) => ({
    verb: "add" as const,
    set: `m${byte}`,
    key: Buffer.alloc(8, byte),
    value: Buffer.alloc(8),
  }));
  const { bytes, first, acknowledged } = encodeElementBatch("table", elements, 40);
  const messages = decodeMessages(bytes);
  assert.deepEqual(
    messages.map(({ sequence }) => sequence),
    [40, 41, 42, 43],
  );
  assert.deepEqual([first, acknowledged], [40, 42]);
  assert.deepEqual(
    messages.map(({ flags }) => flags & 4),
    [0, 0, 4, 0],
  );
});
