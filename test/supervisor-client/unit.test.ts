import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, it } from "node:test";
import { fileURLToPath } from "node:url";
import { createLifelines } from "../../src/supervisor-client/lifelines.ts";
import { openSupervisor } from "../../src/supervisor-client/open.ts";
import { supervisorLog } from "../../src/supervisor-protocol/connect.ts";

const main = fileURLToPath(new URL("../../src/supervisor/main.ts", import.meta.url));
const usualPath = process.env.PATH;
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "bt-unit-"));
});
afterEach(() => {
  process.env.PATH = usualPath;
  rmSync(folder, { recursive: true });
});

/** A `systemctl` that does `commands` when it is called; the number of its call is $n. */
function pretendSystemd(commands: string): void {
  const lines = ["#!/bin/sh", `echo "$*" >>'${folder}/calls'`, `n=$(wc -l <'${folder}/calls')`, commands];
  writeFileSync(join(folder, "systemctl"), `${lines.join("\n")}\n`);
  chmodSync(join(folder, "systemctl"), 0o755);
  process.env.PATH = `${folder}:${usualPath}`;
}

const calls = () =>
  existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8").trim().split("\n") : [];

/** Opens one, and has it end again. @returns whether the engine's own process started it */
async function open(unit: string | undefined, spoolFolder = join(folder, "spool")) {
  const warnings: string[] = [];
  const supervisor = await openSupervisor(
    folder,
    spoolFolder,
    createLifelines(folder),
    unit === undefined ? undefined : { name: unit, warn: (text) => warnings.push(text) },
  );
  const isOwn = existsSync(supervisorLog(folder));
  const lost = new Promise<void>((resolve) => supervisor.onLost(resolve));
  assert.equal(await supervisor.call("shutdown", {}), true);
  await lost;
  return { warnings, isOwn };
}

/** As the unit's ExecStart. */
const start = () =>
  `setsid '${process.execPath}' '${main}' '${folder}' '${folder}/spool' </dev/null >/dev/null 2>&1 &`;

it("has systemd start the supervisor's unit, and asks again while a stop is under way or its end is not known yet", async () => {
  pretendSystemd(
    `case $n in 1|2) echo "Transaction is destructive ('stop' job queued)" >&2; exit 1;; 3) ;; 4) ${start()} esac`,
  );
  const { warnings, isOwn } = await open("berth-supervisor.service");
  assert.deepEqual(warnings, []);
  assert.equal(isOwn, false);
  assert.ok(calls().length >= 4);
  for (const call of calls())
    assert.equal(call, "start --job-mode=fail --no-ask-password berth-supervisor.service");
});

it("has the unit's supervisor spool below the engine's own data root, which its unit does not name", async () => {
  pretendSystemd(start());
  const spool = join(folder, "data/spool");
  const { isOwn } = await open("berth-supervisor.service", spool);
  assert.equal(isOwn, false);
  assert.equal(statSync(spool).mode & 0o777, 0o700);
});

it("starts one itself when systemd will not, and says so once", async () => {
  pretendSystemd('echo "Failed to start: Unit berth-supervisor.service is masked." >&2; exit 1');
  const { warnings, isOwn } = await open("berth-supervisor.service");
  assert.equal(isOwn, true);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? "", /berth-supervisor\.service \(.*is masked\.\).*its own control group/s);
});

it("asks systemd for nothing when it is no unit's", async () => {
  pretendSystemd("exit 1");
  const { warnings, isOwn } = await open(undefined);
  assert.deepEqual([calls(), warnings, isOwn], [[], [], true]);
});
