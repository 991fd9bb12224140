import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { resolveOwner } from "../../src/build/solve/resolve-owner.ts";
import { writeFiles } from "./context-folder.ts";

/** As dockerd 28.5.2 gives a directory of WORKDIR, or files that are copied with --chown. */
const owners = [
  { text: "", named: "0:0", nameless: "0:0" },
  { text: "1000", named: "1000:1000", nameless: "1000:1000" },
  { text: "u", named: "1000:1234", nameless: "0:0" },
  { text: "u:ug", named: "1000:1234", nameless: "0:0" },
  { text: "u:5", named: "1000:5", nameless: "0:5" },
  { text: "1000:5", named: "1000:5", nameless: "1000:5" },
  { text: "1000:nog", named: "1000:1000", nameless: "1000:1000" },
  { text: "app", named: "0:0", nameless: "0:0" },
  { text: "app:ug", named: "0:1234", nameless: "0:0" },
  { text: "app:5", named: "0:5", nameless: "0:5" },
  { text: ":5", named: "0:5", nameless: "0:5" },
];

test("what a step makes becomes whose BuildKit makes it", async () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-owner-"));
  try {
    const named = writeFiles(join(folder, "named"), {
      "etc/passwd": "root:x:0:0::/:/bin/sh\nu:x:1000:1234::/:/bin/sh\n",
      "etc/group": "root:x:0:\nug:x:1234:\n",
    });
    const nameless = writeFiles(join(folder, "nameless"), { file: "" });
    const warnings: string[] = [];
    const resolve = async (layer: string, text: string) => {
      const { uid, gid } = await resolveOwner([layer], text, (reason) => warnings.push(reason));
      return `${uid}:${gid}`;
    };
    for (const one of owners) {
      assert.equal(await resolve(named, one.text), one.named, one.text);
      assert.equal(await resolve(nameless, one.text), one.nameless, one.text);
    }
    warnings.length = 0;
    await resolve(named, "app:nog");
    assert.deepEqual(warnings, [
      "unable to find user app: no matching entries in passwd file; " +
        "unable to find group nog: no matching entries in group file",
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a name is not looked up where there is nothing to look it up in", async () => {
  const warn = () => assert.fail("there is nothing to warn of");
  await assert.rejects(resolveOwner([], "u", warn), { kind: "invalid" });
  await assert.rejects(resolveOwner([], "0:g", warn), { kind: "invalid" });
  await assert.rejects(resolveOwner([], "2147483648", warn), { kind: "invalid" });
  assert.deepEqual(await resolveOwner([], "1000", warn), { uid: 1000, gid: 1000 });
  assert.deepEqual(await resolveOwner([], ":7", warn), { uid: 0, gid: 7 });
});
