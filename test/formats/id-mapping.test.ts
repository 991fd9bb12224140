import assert from "node:assert/strict";
import { test } from "node:test";
import {
  findInside,
  findOutside,
  formatIdMap,
  isIdentity,
  ownerInside,
  ownerOutside,
  parseIdMap,
  rootOutside,
} from "../../src/formats/id-mapping.ts";
import type { TarEntry } from "../../src/formats/tar/tar-entry.ts";
import { entryInside, entryOutside } from "../../src/formats/tar/translate-owners.ts";

const ranges = [
  { inside: 0, outside: 300_000, size: 10 },
  { inside: 10, outside: 100_000, size: 20 },
];
const mapping = { uids: ranges, gids: [{ inside: 0, outside: 500_000, size: 100 }] };

test("each id inside is one outside, and the other way round", () => {
  const pairs = [
    [0, 300_000],
    [9, 300_009],
    [10, 100_000],
    [29, 100_019],
  ] as const;
  for (const [inside, outside] of pairs) {
    assert.equal(findOutside(ranges, inside), outside);
    assert.equal(findInside(ranges, outside), inside);
  }
  for (const beyond of [30, -1, 300_000]) assert.equal(findOutside(ranges, beyond), undefined);
  for (const foreign of [0, 299_999, 300_010, 99_999, 100_020])
    assert.equal(findInside(ranges, foreign), undefined);
});

test("users and groups have mappings of their own", () => {
  assert.deepEqual(rootOutside(mapping), { uid: 300_000, gid: 500_000 });
  assert.deepEqual(ownerOutside(mapping, { uid: 12, gid: 99 }), { uid: 100_002, gid: 500_099 });
  assert.deepEqual(ownerInside(mapping, { uid: 100_002, gid: 500_099 }), { uid: 12, gid: 99 });
  assert.deepEqual(ownerInside(mapping, { uid: 0, gid: 0 }), { uid: 65_534, gid: 65_534 });
  for (const owner of [
    { uid: 30, gid: 0 },
    { uid: 0, gid: 100 },
  ])
    assert.throws(() => ownerOutside(mapping, owner), {
      kind: "invalid",
      message: `container ID ${owner.uid || owner.gid} cannot be mapped to a host ID`,
    });
});

test("the kernel's own form is read and written", () => {
  assert.equal(formatIdMap(ranges), "0 300000 10\n10 100000 20\n");
  assert.deepEqual(
    parseIdMap("         0     300000         10\n        10     100000         20\n"),
    ranges,
  );
  assert.ok(isIdentity(parseIdMap("         0          0 4294967295\n")));
  assert.ok(!isIdentity(parseIdMap("         0     100000      65536\n")));
  assert.ok(!isIdentity(parseIdMap("")));
});

const entry = (uid: number, gid: number, capability?: string): TarEntry => ({
  ...{ name: "f", type: "file", mode: 0o755, uid, gid, sizeBytes: 0, mtime: { seconds: 0, nanoseconds: 0 } },
  ...(capability && {
    xattrs: new Map([
      ["user.other", Buffer.from("x")],
      ["security.capability", Buffer.from(capability, "hex")],
    ]),
  }),
});
const plain = "0100000201000000000000000000000000000000";
const ofRoot = "0100000301000000000000000000000000000000e0930400";

test("an entry has other owners inside and outside, and its capabilities count for the same root", () => {
  const inside = entryInside(mapping, entry(100_000, 500_005, ofRoot));
  assert.deepEqual(inside, entry(10, 5, plain));
  assert.deepEqual(entryOutside(mapping, entry(10, 5, plain)), entry(100_000, 500_005, ofRoot));
  assert.deepEqual(entryInside(mapping, entry(0, 0)), entry(65_534, 65_534));
});

test("capabilities that are none of a known form stay as they are", () => {
  for (const odd of [
    "",
    "01",
    "ff".repeat(20),
    "ff".repeat(24),
    "0100000301000000000000000000000000000000ffffffff",
    "00".repeat(500),
  ]) {
    const given = entry(300_000, 500_000, odd || "00");
    assert.deepEqual(entryInside(mapping, given).xattrs, given.xattrs);
  }
});

/** user::rwx, the user and the group that are named r-x, group::---, mask::r-x, other::---. */
const acl = (user: number, group: number) => {
  const id = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    return bytes.toString("hex");
  };
  const entries = [
    "01000700ffffffff",
    `02000500${id(user)}`,
    "04000000ffffffff",
    `08000500${id(group)}`,
    "10000500ffffffff",
    "20000000ffffffff",
  ];
  return Buffer.from(`02000000${entries.join("")}`, "hex");
};
const withAcl = (owner: number, group: number, value: Buffer): TarEntry => ({
  ...entry(owner, group),
  xattrs: new Map(["system.posix_acl_access", "system.posix_acl_default"].map((name) => [name, value])),
});

test("the users and groups of access control lists are others inside and outside", () => {
  const [inside, outside] = [withAcl(0, 0, acl(12, 99)), withAcl(300_000, 500_000, acl(100_002, 500_099))];
  assert.deepEqual(entryOutside(mapping, inside), outside);
  assert.deepEqual(entryInside(mapping, outside), inside);
  assert.deepEqual(
    entryInside(mapping, withAcl(300_000, 500_000, acl(0, 0))),
    withAcl(0, 0, acl(65_534, 65_534)),
    "the machine's own are no one inside",
  );
  for (const [user, group] of [
    [30, 0],
    [0, 100],
  ] as const)
    assert.throws(() => entryOutside(mapping, withAcl(0, 0, acl(user, group))), {
      kind: "invalid",
      message: `container ID ${user || group} cannot be mapped to a host ID`,
    });
});

test("access control lists that are none of a known form stay as they are", () => {
  const odd = ["", "02", "03000000", "01000000020005000c000000", "0200000002000500", "ff".repeat(44)];
  for (const value of odd.map((hex) => Buffer.from(hex, "hex"))) {
    const given = withAcl(0, 0, value);
    assert.deepEqual(entryOutside(mapping, given).xattrs, given.xattrs);
    assert.deepEqual(entryInside(mapping, given).xattrs, given.xattrs);
  }
});
