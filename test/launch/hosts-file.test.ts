import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { changeHostsFile } from "../../src/launch/live-files.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-hosts-"));
const path = join(folder, "hosts");
after(() => rmSync(folder, { recursive: true }));

test("lines come and go, and what a container has written stays byte for byte", async () => {
  const own = Buffer.from([0x31, 0xff, 0xfe, 0x0a, 0xe9]);
  writeFileSync(path, Buffer.concat([Buffer.from("10.0.0.2\tweb\n"), own]));
  await changeHostsFile(path, (line) => line === "10.0.0.2\tweb", ["10.0.0.3\tweb"]);
  assert.deepEqual(readFileSync(path), Buffer.concat([own, Buffer.from("\n10.0.0.3\tweb\n")]));
});

test("of a file that is no table of names nothing is read", async () => {
  const large = Buffer.alloc((1 << 20) + 1, "x");
  writeFileSync(path, large);
  await changeHostsFile(path, (line) => line === "x", ["10.0.0.3\tweb"]);
  assert.deepEqual(readFileSync(path), Buffer.concat([large, Buffer.from("10.0.0.3\tweb\n")]));
});

test("of changes that are made at once each has its lines", async () => {
  writeFileSync(path, "127.0.0.1\tlocalhost\n");
  const names = Array.from({ length: 20 }, (_, index) => `10.0.0.${index}\tname-${index}`);
  await Promise.all(names.map((line) => changeHostsFile(path, () => false, [line])));
  const written = readFileSync(path, "utf8").trim().split("\n");
  assert.deepEqual(written, ["127.0.0.1\tlocalhost", ...names]);
});
