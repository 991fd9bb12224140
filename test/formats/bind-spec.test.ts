import assert from "node:assert/strict";
import { test } from "node:test";
import { checkVolumeName, cleanPath, parseBind } from "../../src/formats/bind-spec.ts";

const base = { mode: "", readOnly: false, noCopy: false, propagation: "" };

test("a host path is a bind, a name a volume, a target alone an anonymous volume", () => {
  assert.deepEqual(parseBind("/a:/b"), { ...base, type: "bind", source: "/a", target: "/b" });
  assert.deepEqual(parseBind("data:/b"), { ...base, type: "volume", name: "data", target: "/b" });
  assert.deepEqual(parseBind("/b"), { ...base, type: "volume", target: "/b" });
});

test("options come third, or second after a target alone", () => {
  assert.deepEqual(parseBind("/a:/b:ro,rshared,Z"), {
    ...base,
    type: "bind",
    source: "/a",
    target: "/b",
    mode: "ro,rshared,Z",
    readOnly: true,
    propagation: "rshared",
  });
  assert.equal(parseBind("data:/b:nocopy").noCopy, true);
  assert.deepEqual(parseBind("/b:ro"), { ...base, type: "volume", target: "/b", mode: "ro", readOnly: true });
});

test("paths are cleaned", () => {
  assert.equal(parseBind("/a/../c//:/b/./d/").source, "/c");
  assert.equal(parseBind("/a:/b/./d/").target, "/b/d");
  assert.equal(cleanPath("/.."), "/");
});

const wrong: [string, RegExp][] = [
  ["", /^invalid volume specification: ''/],
  [":/b", /^invalid volume specification: ':\/b'/],
  ["/a:/b:ro:x", /^invalid volume specification/],
  ["/a:/b:bogus", /^invalid mode: bogus$/],
  ["/a:/b:ro,rw", /^invalid mode: ro,rw$/],
  ["/a:/b:shared,private", /^invalid mode/],
  ["/a:/b:", /^invalid mode: $/],
  [
    "/a:b",
    /'\/a:b': invalid mount config for type "bind": invalid mount path: 'b' mount path must be absolute/,
  ],
  ["/a:/", /destination can't be '\/'/],
  ["/a:/b/..", /destination can't be '\/'/],
  ["data:/b:rshared", /field BindOptions must not be specified/],
  ["/a:/b:nocopy", /field VolumeOptions must not be specified/],
  ["relative", /mount path must be absolute/],
  ["/a\0:/b", /invalid volume specification/],
];
for (const [text, message] of wrong) {
  test(`${JSON.stringify(text)} is refused`, () => {
    assert.throws(() => parseBind(text), { kind: "invalid", message });
  });
}

test("volume names cannot be paths", () => {
  for (const name of ["./a", "../a", "a/b", ".a", "a", "a b", "", "é1", "a".repeat(256)])
    assert.throws(() => checkVolumeName(name), { kind: "invalid" });
  for (const name of ["ab", "A.b_c-1", "0".repeat(64)]) checkVolumeName(name);
});
