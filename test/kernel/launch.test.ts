import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import type { LaunchInput } from "../../src/launch/input.ts";
import { createLauncher, type Launcher } from "../../src/launch/launch.ts";
import { foldersOf, prepareLaunch } from "../../src/launch/prepare.ts";
import { startFailure } from "../../src/launch/start-failure.ts";
import { placeCgroup } from "../../src/runtime/cgroup-place.ts";
import type { Supervisor } from "../../src/supervisor-client/client.ts";
import { createLifelines } from "../../src/supervisor-client/lifelines.ts";
import { openSupervisor } from "../../src/supervisor-client/open.ts";
import type { Exit } from "../../src/supervisor-protocol/protocol.ts";
import { clearCgroup, prepareCgroupParent, removeCgroup } from "../../src/sys/cgroup.ts";
import { createTrace } from "../../src/trace.ts";
import { checkGone, takeFootprint } from "../footprint.ts";
import { mountHung } from "../hung-file-system.ts";
import { plainInput } from "../launch/fixtures.ts";

/*
 * What a builder will do for each step: a process in a folder that is a root file system, without a daemon or a record of a
 * container anywhere.
 */
const name = `bt${randomBytes(3).toString("hex")}`;
const folder = mkdtempSync(join(tmpdir(), `${name}-`));
const execRoot = join(folder, "run");
const exits = new Map<string, PromiseWithResolvers<Exit>>();
let supervisor: Supervisor;
let launcher: Launcher;

before(async () => {
  const lower = join(folder, "lower");
  for (const path of ["lower/bin", "lower/etc", "lower/proc", "lower/dev", "lower/sys"])
    mkdirSync(join(folder, path), { recursive: true });
  copyFileSync("/bin/busybox", join(lower, "bin/sh"));
  prepareCgroupParent(`/${name}`);
  supervisor = await openSupervisor(execRoot, join(folder, "spool"), createLifelines(execRoot));
  supervisor.onExit((exit) => exitOf(exit.process).resolve(exit));
  launcher = createLauncher(execRoot, () => supervisor);
});

const footprint = takeFootprint();
after(async () => {
  assert.equal(await supervisor.call("shutdown", {}), true, "nothing runs any more");
  supervisor.close();
  removeCgroup(`/${name}`);
  await checkGone(footprint, name);
  rmSync(folder, { recursive: true });
});

function exitOf(id: string): PromiseWithResolvers<Exit> {
  const known = exits.get(id) ?? Promise.withResolvers<Exit>();
  exits.set(id, known);
  return known;
}

function makeInput(script: string): LaunchInput {
  const id = randomBytes(32).toString("hex");
  for (const part of ["upper", "work"]) mkdirSync(join(folder, id, part), { recursive: true });
  const root = {
    lower: [join(folder, "lower")],
    upper: join(folder, id, "upper"),
    work: join(folder, id, "work"),
  };
  const input = plainInput(id, execRoot, root);
  return {
    ...input,
    cgroup: placeCgroup("cgroupfs", `/${name}`, id),
    process: { ...input.process, args: ["/bin/sh", "-c", script] },
  };
}

const launch = (input: LaunchInput) =>
  launcher.launch(input, { trace: createTrace(), signal: new AbortController().signal });

async function remove({ id, runtime, cgroup }: LaunchInput): Promise<void> {
  await launcher.remove(id, runtime.root, () => runtime);
  await supervisor.call("forget", { process: id });
  await clearCgroup(cgroup.path);
}

it("launches a process from plain data, whose changes, exit code and output are there afterwards", async () => {
  const input = makeInput("echo made > /made; echo said; exit 7");
  const path = join(folder, "log");
  const { pid } = await launch({
    ...input,
    log: { driver: "json-file", path, maxSizeBytes: 1000, maxFiles: 1 },
  });
  assert.ok(pid > 0);
  assert.equal((await exitOf(input.id).promise).exitCode, 7);
  assert.equal(readFileSync(join(input.root.upper, "made"), "utf8"), "made\n");
  assert.equal(JSON.parse(readFileSync(path, "utf8")).log, "said\n");
  await remove(input);
  assert.ok(!existsSync(launcher.bundleOf(input.id)));
});

it("runs one more process in it", async () => {
  const input = makeInput("while [ ! -e /stop ]; do sleep 0.05; done");
  await launch(input);
  const id = randomBytes(32).toString("hex");
  const { runtime, process, security } = input;
  await launcher.exec(
    {
      ...{ id, container: input.id, runtime, hostname: "plain", ulimits: [], security },
      layers: [input.root.upper, ...input.root.lower],
      process: { ...process, args: ["/bin/sh", "-c", "echo $HOSTNAME > /stop; exit 3"] },
    },
    createTrace(),
  );
  assert.equal((await exitOf(id).promise).exitCode, 3);
  assert.equal((await exitOf(input.id).promise).exitCode, 0);
  assert.equal(readFileSync(join(input.root.upper, "stop"), "utf8"), "plain\n");
  await supervisor.call("forget", { process: id });
  await remove(input);
});

it("says why one cannot be launched, and leaves nothing of it", async () => {
  const input = makeInput("");
  const args = ["/nowhere"];
  const failed = launch({ ...input, process: { ...input.process, args } });
  await assert.rejects(failed, (error: Error) => startFailure(error.message, args).exitCode === 127);
  await remove(input);
  assert.deepEqual(await supervisor.call("list", {}), []);
});

it("waits alone for a shared source whose server does not answer, until it is given up", async () => {
  const far = join(folder, "far");
  mkdirSync(far);
  using _ = mountHung(far);
  const waiting = makeInput("true");
  const { options } = await prepareLaunch(waiting, execRoot);
  const shared = { folder: foldersOf(execRoot).shared, sources: [join(far, "data")] };
  const refused = assert.rejects(supervisor.call("start", { ...options, shared }), /start canceled/);
  const other = makeInput("exit 5");
  await launch(other);
  assert.equal((await exitOf(other.id).promise).exitCode, 5);
  await remove(other);
  await supervisor.call("abort", { process: waiting.id });
  await refused;
  await remove(waiting);
});
