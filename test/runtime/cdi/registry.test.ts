import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { type CdiRegistry, createCdiRegistry } from "../../../src/runtime/cdi/registry.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-cdi-"));
const registries: CdiRegistry[] = [];
after(async () => {
  for (const registry of registries) await registry.close();
  rmSync(folder, { recursive: true });
});

/** Two directories of their own; the second wins. */
function place(name: string): { early: string; late: string; registry: CdiRegistry } {
  const [early, late] = [join(folder, name, "early"), join(folder, name, "late")];
  for (const path of [early, late]) mkdirSync(path, { recursive: true });
  const registry = createCdiRegistry([early, late]);
  registries.push(registry);
  return { early, late, registry };
}

const spec = (variable: string, name = "dev") =>
  JSON.stringify({
    cdiVersion: "0.6.0",
    kind: "vendor.com/class",
    devices: [{ name, containerEdits: { env: [variable] } }],
  });

const found = async (registry: CdiRegistry) => {
  const { devices, problems } = await registry.list();
  return { devices: devices.map(({ name, edits }) => [name, edits.env?.[0]]), problems };
};

describe("the devices that vendors describe", () => {
  it("are none where there is no directory", async () => {
    const registry = createCdiRegistry([join(folder, "nowhere")]);
    registries.push(registry);
    assert.deepEqual(await registry.list(), { devices: [], problems: [] });
  });

  it("are what the last directory says, and two files of one directory may not contradict each other", async () => {
    const { early, late, registry } = place("order");
    writeFileSync(join(early, "a.json"), spec("A=early"));
    writeFileSync(join(early, "b.json"), spec("B=early", "other"));
    writeFileSync(join(late, "a.yaml"), spec("A=late"));
    const expected = [
      ["vendor.com/class=dev", "A=late"],
      ["vendor.com/class=other", "B=early"],
    ];
    assert.deepEqual(await found(registry), { devices: expected, problems: [] });
    writeFileSync(join(late, "b.yaml"), spec("A=again"));
    const { devices, problems } = await found(registry);
    assert.deepEqual(devices, expected.slice(1));
    assert.deepEqual(
      problems.map(({ path, message }) => [path, message]),
      [join(late, "b.yaml"), join(late, "a.yaml")].map((path) => [
        path,
        `conflicting device "vendor.com/class=dev" (specs "${join(late, "b.yaml")}", "${join(late, "a.yaml")}")`,
      ]),
    );
  });

  it("follow their files, and only those", async () => {
    const { early, late, registry } = place("change");
    writeFileSync(join(early, "a.json"), spec("A=1"));
    mkdirSync(join(early, "folder.json"));
    writeFileSync(join(early, "a.yml"), "broken");
    writeFileSync(join(early, "a.json.bak"), "broken");
    symlinkSync("/nowhere", join(early, "dangling.json"));
    assert.deepEqual(await found(registry), { devices: [["vendor.com/class=dev", "A=1"]], problems: [] });
    writeFileSync(join(early, "a.json"), spec("A=22"));
    assert.deepEqual((await found(registry)).devices, [["vendor.com/class=dev", "A=22"]]);
    rmSync(join(early, "a.json"));
    symlinkSync(join(late, "target"), join(early, "link.json"));
    writeFileSync(join(late, "target"), spec("A=3"));
    assert.deepEqual((await found(registry)).devices, [["vendor.com/class=dev", "A=3"]]);
  });

  it("are not held up by files that are wrong, endless or no files at all", async () => {
    const { early, registry } = place("hostile");
    writeFileSync(join(early, "good.json"), spec("A=good"));
    writeFileSync(join(early, "broken.json"), "{broken");
    writeFileSync(join(early, "large.json"), " ".repeat((1 << 20) + 1));
    assert.equal(spawnSync("mkfifo", [join(early, "pipe.json")]).status, 0);
    symlinkSync("/dev/zero", join(early, "zero.json"));
    const { devices, problems } = await found(registry);
    assert.deepEqual(devices, [["vendor.com/class=dev", "A=good"]]);
    assert.deepEqual(
      problems.map(({ path, message }) => [path.slice(early.length + 1), message.split(": ")[1]]),
      [
        ["broken.json", "failed to unmarshal CDI Spec"],
        ["large.json", "larger than 1048576 bytes"],
        ["pipe.json", "not a regular file"],
        ["zero.json", "not a regular file"],
      ],
    );
  });

  it("are none of a directory that is no directory, or too large", async () => {
    const { early, late } = place("large");
    writeFileSync(join(late, "good.json"), spec("A=good"));
    const file = join(folder, "file");
    writeFileSync(file, "");
    for (let at = 0; at < 10; at++) writeFileSync(join(early, `${at}.json`), " ".repeat(1 << 20));
    const registry = createCdiRegistry([file, early, late]);
    registries.push(registry);
    const { devices, problems } = await found(registry);
    assert.deepEqual(devices, [["vendor.com/class=dev", "A=good"]]);
    assert.match(problems[0]?.message ?? "", /ENOTDIR/);
    assert.match(problems[1]?.message ?? "", /larger than 8388608 bytes together/);
  });
});
