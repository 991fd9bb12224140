import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { output, startEngine, supervisorOf, type TestEngine } from "../engine.ts";
import { makeTar } from "../images/fixtures.ts";
import { writeFiles } from "./context-folder.ts";

/** As of a shell whose files no one else may read. */
const strict = 0o077;
let engine: TestEngine;
const folder = mkdtempSync(join(tmpdir(), "berth-umask-"));
before(async () => {
  const usual = process.umask(strict);
  try {
    engine = await startEngine();
  } finally {
    process.umask(usual);
  }
});
after(async () => {
  await engine.stop();
  rmSync(folder, { recursive: true });
});

it("the mask of the shell that starts an engine is not that of its programs", () => {
  for (const pid of [engine.pid(), supervisorOf(engine)])
    assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), /^Umask:\t0022$/m);
});

it("directories that no one names are open to all", async () => {
  const place = writeFiles(join(folder, "context"), {
    Dockerfile: "FROM scratch\nADD inner.tar /\nCOPY file /copied/below/file\nWORKDIR /made/here\n",
    file: "",
  });
  writeFileSync(join(place, "inner.tar"), makeTar([{ name: "deep/down/file", data: "x" }]));
  await output(engine.berth, ["build", "-o", `type=tar,dest=${join(folder, "out.tar")}`, place]);
  const { stdout } = spawnSync("tar", ["-tvf", join(folder, "out.tar")], { encoding: "utf8" });
  const directories = stdout.split("\n").filter((line) => line.startsWith("d"));
  const names = directories.map((line) => line.split(" ").at(-1));
  for (const name of ["deep/", "deep/down/", "copied/", "copied/below/", "made/", "made/here/"])
    assert.ok(names.includes(name), stdout);
  for (const line of directories) assert.match(line, /^drwxr-xr-x /);
});
