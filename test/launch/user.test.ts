import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { resolveUser } from "../../src/launch/user.ts";
import { makeNode } from "../../src/sys/device-node.ts";
import { setXattr } from "../../src/sys/xattr.ts";
import { type Folder, makeFolder } from "../trees/fixtures.ts";

const passwd = `# comment
root:x:0:0:root:/root:/bin/sh
1000:x:2000:2000::/:/bin/sh
anna:x:1000:1001::/home/anna:/bin/sh
anna2:x:1000:1002::/:/bin/sh
far:x:4294967296:0::/:/bin/sh
broken
`;
const group = `root:x:0:
wheel:x:10:root,anna
500:x:501:anna
staff:x:50:anna,1000
almost:x:51:annanna,anna2
more:x:52:root2:anna
`;

function makeLayers(folder: Folder, files: Record<string, Record<string, string>>): string[] {
  return Object.entries(files).map(([layer, content]) => {
    mkdirSync(join(folder.path, layer, "etc"), { recursive: true });
    for (const [name, text] of Object.entries(content)) writeFileSync(join(folder.path, layer, name), text);
    return join(folder.path, layer);
  });
}

test("a number is an id and never a name, and what is not there is said as docker says it", async () => {
  using folder = makeFolder();
  const layers = makeLayers(folder, { image: { "etc/passwd": passwd, "etc/group": group } });
  const cases: [string, string[], string][] = [
    ["", [], "0:0 0,10"],
    ["root", [], "0:0 0,10"],
    ["anna", [], "1000:1001 1001,10,501,50"],
    ["1000", [], "1000:1001 1001,10,501,50"],
    ["2000", [], "2000:2000 2000,50"],
    ["7", [], "7:0 0"],
    ["anna:wheel", [], "1000:10 10"],
    ["anna:500", [], "1000:500 500"],
    ["0:77", [], "0:77 77"],
    ["anna", ["staff", "99", "500"], "1000:1001 1001,10,501,50,99"],
    ["2147483647", [], "2147483647:0 0"],
  ];
  for (const [user, added, expected] of cases) {
    const { uid, gid, additionalGids } = await resolveUser(layers, user, added);
    assert.equal(`${uid}:${gid} ${additionalGids}`, expected, user);
  }
  const range = "uids and gids must be in range 0-2147483647";
  for (const [user, added, message] of [
    ["nosuch", [], "unable to find user nosuch: no matching entries in passwd file"],
    ["broken", [], "unable to find user broken: no matching entries in passwd file"],
    [
      "99999999999999999999",
      [],
      "unable to find user 99999999999999999999: no matching entries in passwd file",
    ],
    ["anna:nosuch", [], "unable to find group nosuch: no matching entries in group file"],
    ["anna", ["nosuch"], "unable to find group nosuch: no matching entries in group file"],
    ["2147483648", [], range],
    ["-1", [], range],
    ["0:-5", [], range],
    ["0", ["2147483648"], range],
    ["far", [], range],
  ] as [string, string[], string][])
    await assert.rejects(resolveUser(layers, user, added), { kind: "invalid", message }, user);
});

test("names are looked up in what the layers show together", async () => {
  using folder = makeFolder();
  const at = (path: string) => join(folder.path, path);
  const layers = makeLayers(folder, {
    top: {},
    image: { "etc/passwd": "user:x:1:1::/:\n", "etc/group": "user:x:1:\n", "etc/other": "user:x:2:2::/:\n" },
  });
  const uidOf = async () => (await resolveUser(layers, "user", [])).uid;
  assert.equal(await uidOf(), 1);
  symlinkSync("../../../etc/other", at("top/etc/passwd"));
  assert.equal(await uidOf(), 2);
  rmSync(at("top/etc/passwd"));
  makeNode(folder.fd, "top/etc/passwd", "characterDevice", { major: 0, minor: 0 });
  await assert.rejects(uidOf(), /unable to find user user/);
  await assert.rejects(resolveUser(layers, "0:nosuch", []), /unable to find group nosuch/);
  rmSync(at("top/etc/passwd"));
  symlinkSync("passwd", at("top/etc/passwd"));
  await assert.rejects(uidOf(), /unable to find user user/);
  rmSync(at("top/etc/passwd"));
  setXattr(at("top/etc"), "trusted.overlay.opaque", Buffer.from("y"));
  await assert.rejects(resolveUser(layers, "0:user", []), /unable to find group user/);
  writeFileSync(
    at("top/etc/passwd"),
    [...Array(30_000).fill(`${"x".repeat(70)}:x:9:9::/:`), "user:x:3:3::/:"].join("\n"),
  );
  assert.equal(await uidOf(), 3);
});

test("a large file is read as far as it is needed, and only what is asked for is taken apart", async (context) => {
  using folder = makeFolder();
  const filler = ":::\n".repeat(3 << 20);
  const layers = makeLayers(folder, {
    image: {
      "etc/passwd": `${"a\n".repeat(1 << 20)}root:x:0:0::/root:\nlast:x:7:8::/last:\n${filler}`,
      "etc/group": `${filler}wheel:x:10:root , other\nmany:x:+011:a,last\nother:x:12:last2`,
    },
  });
  const split = context.mock.method(String.prototype, "split");
  const { uid, gid, additionalGids, home } = await resolveUser(layers, "last", ["12", "other"]);
  assert.deepEqual(
    { uid, gid, additionalGids, home },
    { uid: 7, gid: 8, additionalGids: [8, 11, 12], home: "/last" },
  );
  assert.ok(split.mock.callCount() < 100, `${split.mock.callCount()} lines`);
  split.mock.restore();
  assert.equal((await resolveUser(layers, "0:wheel", [])).gid, 10);
  // Far behind all that counts.
  appendFileSync(join(folder.path, "image/etc/passwd"), filler);
  assert.equal((await resolveUser(layers, "last:1", [])).uid, 7);
  await assert.rejects(resolveUser(layers, "none:1", []), {
    kind: "invalid",
    message: "/etc/passwd is too large",
  });
});

test("of root, and of ids and names that begin like others, no more lines are taken apart", async (context) => {
  using folder = makeFolder();
  const filler = Array.from({ length: 3000 }, (_, at) => `user${at}:x:1${at}:1${at}::/:`).join("\n");
  const layers = makeLayers(folder, { image: { "etc/passwd": `${filler}\nlast:x:1:7::/last:\n` } });
  const split = context.mock.method(String.prototype, "split");
  for (const [user, uid] of [
    ["", 0],
    ["1", 1],
    ["last", 1],
  ] as const) {
    split.mock.resetCalls();
    assert.equal((await resolveUser(layers, user, [])).uid, uid);
    assert.ok(split.mock.callCount() < 100, `${user}: ${split.mock.callCount()} lines`);
  }
});

test("a number that is too large to be an id is none of root's", async () => {
  using folder = makeFolder();
  const big = "9".repeat(20);
  const layers = makeLayers(folder, {
    image: { "etc/passwd": `big:x:${big}:1::/:\nother:x:5:${big}::/:\nword:x:word:1::/word:\n` },
  });
  for (const user of ["big", "other"])
    await assert.rejects(resolveUser(layers, user, []), { kind: "invalid" }, user);
  const { uid, home } = await resolveUser(layers, "0", []);
  assert.deepEqual({ uid, home }, { uid: 0, home: "/word" });
});

test("a user of more groups than the kernel takes is refused", async () => {
  using folder = makeFolder();
  const groups = Array.from({ length: 70_000 }, (_, id) => `g:x:${id}:anna`);
  const layers = makeLayers(folder, {
    image: { "etc/passwd": "anna:x:1:1::/:\n", "etc/group": groups.join("\n") },
  });
  await assert.rejects(resolveUser(layers, "anna", []), {
    kind: "invalid",
    message: "user anna is in too many groups",
  });
});

test("a file of names that somebody has made huge is refused, whatever is in it", async () => {
  using folder = makeFolder();
  const layers = makeLayers(folder, { image: { "etc/passwd": "x".repeat(2 << 20), "etc/group": "" } });
  await assert.rejects(resolveUser(layers, "user", []), {
    kind: "invalid",
    message: /has a line that is too long/,
  });
});
