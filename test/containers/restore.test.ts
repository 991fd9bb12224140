import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, it } from "node:test";
import { Container, type ContainerRecord, initialState } from "../../src/containers/container.ts";
import { createContainerIndexes } from "../../src/containers/container-index.ts";
import { type Containers, register } from "../../src/containers/containers.ts";
import { restoreContainers } from "../../src/containers/lifecycle/restore.ts";
import type { OtherProcesses } from "../../src/containers/run-files.ts";

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
    volumes: { adopt() {} },
    networks: {
      adopt: async (live: () => string[]) => void adopted.push(live()),
      async tellAgain() {},
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

it("an end that cannot be recorded keeps no engine from starting, and is not tried for ever", async () => {
  const { containers, warnings } = makeRoom();
  const id = processId("c");
  const ended = spawnSync("true").pid;
  const container = new Container({
    ...{ id, name: "c", imageId: "i", mounts: [], links: [], config: {}, startTicks: 1, bootId: "" },
    ...{ cgroup: "/none", hostConfig: { Runtime: "crun", NetworkMode: "host" } },
    state: { ...initialState, Status: "running", Running: true, Pid: ended },
  } as unknown as ContainerRecord);
  container.wait = () => Promise.reject(new Error("late"));
  register(containers, container);
  // Its end is waited for, since the supervisor seems to hold one that runs.
  containers.supervisor.call = (async (method: string) =>
    method === "list" ? [{ process: id, pid: ended, startTicks: 1 }] : undefined) as never;
  await restoreContainers(containers, others());
  assert.equal(container.record.state.Pid, 0);
  assert.deepEqual(warnings, ["the supervisor did not report an exit", "a container could not be restored"]);
});
