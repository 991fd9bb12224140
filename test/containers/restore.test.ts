import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, it } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { Container, type ContainerRecord, initialState } from "../../src/containers/container.ts";
import { createContainerIndexes } from "../../src/containers/container-index.ts";
import { type Containers, register } from "../../src/containers/containers.ts";
import { restoreAfterLoss, restoreContainers } from "../../src/containers/lifecycle/restore.ts";
import type { OtherProcesses } from "../../src/containers/run-files.ts";
import { cgroupFolder } from "../../src/sys/cgroup.ts";
import { bootId, startTicks } from "../../src/sys/process.ts";

const execRoot = mkdtempSync(join(tmpdir(), "berth-restore-"));
after(() => rmSync(execRoot, { recursive: true }));

const others = (...ids: string[]): OtherProcesses => ({ ids: () => ids, sandboxOwners: () => ids });
const processId = (digit: string) => digit.repeat(64);

function makeRoom() {
  const warnings: string[] = [];
  const adopted: string[][] = [];
  const containers = {
    ...createContainerIndexes(),
    settings: { root: execRoot, execRoot, runtimes: { crun: "crun" }, runtimeArgs: {} },
    ...{ byId: new Map(), byName: new Map(), execs: new Map(), leaving: new Map(), closing: false },
    supervisor: { call: async (method: string) => (method === "list" ? [] : undefined) },
    launcher: { endProbes() {} },
    volumes: { adopt() {} },
    networks: {
      adopt: async (live: () => string[]) => void adopted.push(live()),
      async tellAgain() {},
      unsettled: () => [],
    },
    logger: { warn: (_: object, text: string) => warnings.push(text) },
  } as unknown as Containers;
  return { containers, warnings, adopted };
}

it("steps of builds keep their files and their networks when records and reality are made one", async () => {
  const { containers, adopted } = makeRoom();
  const [step, stray] = [processId("a"), processId("b")];
  const folders = [step, stray].flatMap((id) =>
    ["p", "bundles", "runtime/crun"].map((place) => join(execRoot, place, id)),
  );
  for (const folder of folders) mkdirSync(folder, { recursive: true });
  await restoreContainers(containers, others(step));
  assert.deepEqual(
    folders.filter((folder) => existsSync(folder)),
    folders.slice(0, 3),
  );
  assert.deepEqual(adopted, [[step]]);
});

it("an engine that ends meanwhile takes no networks over", async () => {
  const { containers, adopted } = makeRoom();
  containers.closing = true;
  await restoreContainers(containers, others());
  assert.deepEqual(adopted, []);
});

/** Of a container that runs, or has: this process is its, unless another is given. */
function add(containers: Containers, digit: string, pid = process.pid, Runtime = "crun"): Container {
  const container = new Container({
    ...{ id: processId(digit), name: digit, imageId: "i", mounts: [], links: [], config: {} },
    ...{ cgroup: "/none", startTicks: startTicks(pid) ?? 1, bootId: bootId() },
    hostConfig: { Runtime, NetworkMode: "host", LogConfig: { Type: "json-file", Config: {} } },
    state: { ...initialState, Status: "running", Running: true, Pid: pid },
  } as unknown as ContainerRecord);
  register(containers, container);
  return container;
}

it("an end that cannot be recorded keeps no engine from starting, and is not tried for ever", async () => {
  const { containers, warnings } = makeRoom();
  const ended = spawnSync("true").pid;
  const container = add(containers, "c", ended);
  container.wait = () => Promise.reject(new Error("late"));
  // Its end is waited for, since the supervisor seems to hold one that runs.
  containers.supervisor.call = (async (method: string) =>
    method === "list" ? [{ process: processId("c"), pid: ended, startTicks: 1 }] : undefined) as never;
  await restoreContainers(containers, others());
  assert.equal(container.record.state.Pid, 0);
  assert.deepEqual(warnings, ["the supervisor did not report an exit", "a container could not be restored"]);
});

it("an end is recorded also when the networks cannot be taken over, which alone is tried again", async (test) => {
  for (const isAtStart of [true, false]) {
    test.mock.timers.reset();
    test.mock.timers.enable({ apis: ["setTimeout"] });
    const { containers, warnings } = makeRoom();
    const ended = spawnSync("true").pid;
    const container = add(containers, "9", ended);
    const exit = { process: processId("9"), pid: ended, startTicks: 1, exitCode: 3, at: Date.now() };
    let tries = 0;
    const failure = new Error("no netlink");
    containers.networks.adopt = async () => {
      tries++;
      if (tries === 1) throw failure;
    };
    containers.supervisor.call = (async (method: string) =>
      method === "list" ? [{ process: exit.process, pid: ended, startTicks: 1, exit }] : undefined) as never;
    if (isAtStart) await assert.rejects(restoreContainers(containers, others()), failure);
    else await restoreAfterLoss(containers, others());
    assert.equal(container.record.state.ExitCode, 3);
    const isRetried = warnings.includes("networks could not be taken over, and are tried again");
    assert.equal(isRetried, !isAtStart);
    for (let round = 0; round < 3; round++) {
      test.mock.timers.tick(600_000);
      for (let turn = 0; turn < 5; turn++) await nextTurn();
    }
    assert.equal(tries, isAtStart ? 1 : 2);
  }
});

it("a command whose exec was never answered is killed, and no process outside its container", async () => {
  const { containers } = makeRoom();
  const cgroup = cgroupFolder(`/bt${randomBytes(8).toString("hex")}`, "pids");
  mkdirSync(cgroup);
  add(containers, "e").record.cgroup = `/${basename(cgroup)}`;
  const begin = (digit: string, isInside: boolean) => {
    const child = spawn("sleep", ["1000"], { stdio: "ignore" });
    if (isInside) writeFileSync(join(cgroup, "cgroup.procs"), String(child.pid));
    const folder = join(execRoot, "p", processId(digit));
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "pid"), String(child.pid));
    return { child, ended: once(child, "exit") };
  };
  const [inside, outside] = [begin("1", true), begin("2", false)];
  try {
    await restoreContainers(containers, others());
    assert.deepEqual(await inside.ended, [null, "SIGKILL"]);
    outside.child.kill("SIGTERM");
    assert.deepEqual(await outside.ended, [null, "SIGTERM"]);
    assert.deepEqual(
      readdirSync(join(execRoot, "p")).filter((name) => /^[12]/.test(name)),
      [],
    );
  } finally {
    for (const { child } of [inside, outside]) child.kill("SIGKILL");
    rmdirSync(cgroup);
  }
});

it("what a commit has stand still is not taken for one whose pause was cut off", async () => {
  for (const isHeldStill of [true, false]) {
    const { containers } = makeRoom();
    const container = add(containers, "d");
    Object.assign(container, { isHeldStill });
    Object.assign(container.record.state, { Status: "paused", Paused: true });
    containers.records = { putSoon() {} } as never;
    await restoreContainers(containers, others());
    assert.equal(container.record.state.Paused, isHeldStill);
  }
});

it("only what could not be restored is tried again, while its runtime is configured", async (test) => {
  test.mock.timers.enable({ apis: ["setTimeout"] });
  const { containers, warnings, adopted } = makeRoom();
  for (const [digit, runtime] of Object.entries({ a: "crun", b: "crun", c: "gone" }))
    add(containers, digit, process.pid, runtime);
  const asked: string[] = [];
  containers.supervisor.call = (async (method: string, { process = "" }) => {
    if (method === "list") return [];
    asked.push(process[0] ?? "");
    if (process !== processId("a")) throw new Error("its pipes are away");
  }) as never;
  await restoreContainers(containers, others());
  assert.deepEqual(asked.sort(), ["a", "b", "c"]);
  const told = ["a container could not be restored", "a container could not be restored, and is tried again"];
  assert.deepEqual(warnings.sort(), told);
  test.mock.timers.tick(10_000);
  for (let turns = 0; asked.length < 4 && turns < 1000; turns++)
    await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(asked.sort(), ["a", "b", "b", "c"]);
  // What builds have opened since is none of its business.
  assert.equal(adopted.length, 1);
});

it("a container that was joining or leaving a network when a daemon was killed has that carried through", async () => {
  const { containers } = makeRoom();
  const [runs, ends] = [add(containers, "1"), add(containers, "2")];
  const settled: string[] = [];
  const stored: string[] = [];
  containers.records = { putSoon: (id: string) => void stored.push(id) } as never;
  runs.record.endpointsConfig = { bridge: {}, lan: {} };
  Object.assign(containers.networks, {
    unsettled: () => [runs, ends, { record: { id: processId("3") } }].map(({ record }) => record.id),
    view: () => undefined,
    findNetwork: () => undefined,
    async settle({ id }: { id: string }) {
      settled.push(id);
      return [{ network: { id: "n1", name: "lan" }, addresses: ["10.0.0.2"] }];
    },
    // The other ends meanwhile.
    async tellAgain() {
      ends.record.state.Pid = 0;
    },
  });
  const folder = join(execRoot, "containers", runs.record.id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "hosts"), "10.0.0.2\tweb\n10.0.0.3\tdb\n");
  Object.assign(runs.record.config, { Hostname: "web", Domainname: "" });
  await restoreContainers(containers, others());
  assert.deepEqual([settled, stored], [[runs.record.id], [runs.record.id]]);
  assert.deepEqual(Object.keys(runs.record.endpointsConfig), ["bridge"]);
  assert.equal(readFileSync(join(folder, "hosts"), "utf8"), "10.0.0.3\tdb\n");
});
