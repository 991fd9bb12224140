import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import type { Containers } from "../../src/containers/containers.ts";
import { chooseUserNamespace, findJoinedUserNamespace } from "../../src/containers/user-namespace.ts";
import type { HostConfig } from "../../src/formats/docker-api/docker-api.ts";

const ids = [{ inside: 0, outside: 100_000, size: 65_536 }];
const mapping = { uids: ids, gids: ids };
const containers = { settings: { remap: { path: "/proc/1/ns/user", mapping } } } as unknown as Containers;
const choose = (
  mode: string,
  ...rest: [Parameters<typeof chooseUserNamespace>[2], { usernsPath?: string }?]
) => chooseUserNamespace(containers, { UsernsMode: mode } as HostConfig, rest[0], rest[1] as never);

test("a container that is remapped is never started in the machine's user namespace", () => {
  const joined = { path: "/proc/5/ns/user", mapping };
  assert.deepEqual(choose("", joined), joined);
  assert.deepEqual(choose("", undefined, { usernsPath: "/u" }), { path: "/u", mapping });
  for (const sandbox of [undefined, {}])
    assert.throws(() => choose("", undefined, sandbox), { kind: "internal", message: /was not made/ });
  assert.equal(choose("host", undefined), undefined);
});

test("what cannot be joined since it has just ended is refused in Docker's words", () => {
  // Which has ended.
  const { pid } = spawnSync("true");
  const record = { id: "f00d", name: "other", state: { Running: true, Status: "running", Pid: pid } };
  const byName = new Map([["other", { record }]]);
  const join = (mode: Partial<HostConfig>) =>
    findJoinedUserNamespace(
      { ...containers, byId: new Map(), byName } as unknown as Containers,
      {
        ...{ UsernsMode: "", NetworkMode: "", PidMode: "", IpcMode: "" },
        ...mode,
      } as HostConfig,
    );
  assert.throws(() => join({ NetworkMode: "container:other" }), {
    kind: "conflict",
    message: "cannot join network namespace of a non running container: container other is exited",
  });
  for (const [mode, title] of [
    [{ PidMode: "container:other" }, "PID"],
    [{ IpcMode: "container:other" }, "IPC"],
  ] as const)
    assert.throws(() => join(mode), {
      kind: "conflict",
      message: `failed to join ${title} namespace: container f00d is not running`,
    });
});
