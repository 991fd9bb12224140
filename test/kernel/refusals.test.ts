import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { listCgroups, removeCgroup } from "../../src/sys/cgroup.ts";
import { useEngine } from "../engine.ts";

describe("what the engine refuses", () => {
  const { engine, berth } = useEngine();

  it("is refused at creation, with a status that sends no client looking for the image", async () => {
    const cases: [hostConfig: object, words: RegExp, config?: object][] = [
      [{ IpcMode: "bogus" }, /^invalid IPC mode: bogus$/],
      [{ PidMode: "bogus" }, /^invalid PID mode: bogus$/],
      [{ IpcMode: "container:nosuch" }, /^No such container: nosuch$/],
      [{ PidMode: "container:nosuch" }, /^No such container: nosuch$/],
      [{ VolumesFrom: ["nosuch"] }, /^No such container: nosuch$/],
      [{ UTSMode: "host" }, /hostname and the UTS mode/, { Hostname: "a" }],
      [{ NetworkMode: "container:x" }, /hostname and the network mode/, { Hostname: "a" }],
      [{ NetworkMode: "container:x", Dns: ["1.1.1.1"] }, /dns and the network mode/],
      [
        { NetworkMode: "container:x", ExtraHosts: ["a:1.1.1.1"] },
        /custom host-to-IP mapping and the network/,
      ],
      [{ NetworkMode: "container:x", PublishAllPorts: true }, /port publishing and the container type/],
      [
        { LogConfig: { Type: "json-file", Config: { bogus: "1" } } },
        /^unknown log opt 'bogus' for json-file/,
      ],
      [{ OomScoreAdj: 5000 }, /^Invalid value 5000, range for oom score adj is \[-1000, 1000\]$/],
      [
        { NanoCpus: 5_000_000_000_000 },
        /^range of CPUs is from 0\.01 to \d+\.00, as there are only \d+ CPUs/,
      ],
      [{ CpusetCpus: "9999" }, /^Requested CPUs are not available - requested 9999, available: [0-9,-]+$/],
      [{ CpusetCpus: "x" }, /^Invalid value x for cpuset cpus: invalid format: x$/],
      [{ CpusetMems: "9999" }, /^Requested memory nodes are not available/],
      [{ Tmpfs: { "/t": "bogus" } }, /^invalid tmpfs option \["bogus"\]$/],
      [{ CapAdd: ["bogus"] }, /^invalid CapAdd: unknown capability: "CAP_BOGUS"$/],
      [{ CapDrop: ["bogus"] }, /^invalid CapDrop: unknown capability: "CAP_BOGUS"$/],
      [{ Binds: ["a/b:/x"] }, /^create a\/b: "a\/b" includes invalid characters for a local volume name/],
    ];
    for (const [HostConfig, words, config] of cases) {
      const body = { Image: "busybox", Cmd: ["true"], ...config, HostConfig };
      const answer = await engine.api("POST", "/containers/create", body);
      const { message } = JSON.parse(answer.body);
      assert.equal(answer.status, 400, `${JSON.stringify(HostConfig)}: ${answer.body}`);
      assert.match(message, words);
    }
    assert.equal((await engine.api("POST", "/containers/create", {})).status, 400);
    const five = await engine.api("POST", "/containers/create", { Image: "busybox", HostConfig: 5 });
    assert.match(five.body, /cannot unmarshal number into Go struct field/);
    assert.equal(await berth("ps", "-aq"), "");
    assert.equal(await berth("volume", "ls", "-q"), "");
  });

  it("says no more than that to docker when a start fails, and leaves no cgroup", async () => {
    const docker = engine.cli("docker");
    for (const flags of [
      ["--network", "nosuch"],
      ["--sysctl", "net.nosuch=1"],
      ["-w", "/etc/passwd/x"],
    ]) {
      const result = await docker(["run", "-d", "--name", "failed", ...flags, "busybox", "true"]);
      assert.equal(result.code, flags[0] === "-w" ? result.code : 125, result.stderr);
      assert.doesNotMatch(result.stderr, /Error waiting for container/);
      await berth("rm", "-f", "failed");
    }
    const parent = `/${engine.folder.split("/").at(-1)?.split("-")[0]}`;
    assert.deepEqual(listCgroups(parent), []);
  });

  it("keeps a parent of cgroups below the root, and no limit of processes", async () => {
    const parent = `/${engine.folder.split("/").at(-1)?.split("-")[0]}-refusals`;
    const flags = ["--cgroup-parent", `../..${parent}`, "--pids-limit", "-5"];
    const id = await berth("run", "-d", ...flags, "busybox", "sleep", "100");
    assert.ok(listCgroups(parent).includes(`${parent}/${id}`));
    await berth("update", "--pids-limit", "50", id);
    await berth("update", "--pids-limit", "-1", id);
    assert.equal(existsSync(`/sys${parent}`), false);
    await berth("rm", "-f", id);
    removeCgroup(parent);
  });

  it("tells of an exec that cannot be started with 126 or 127, in Docker's words", async () => {
    await berth("run", "-d", "--name", "execs", "busybox", "sleep", "100");
    const cases: [string[], number, RegExp][] = [
      [["-w", "/nosuch", "execs", "id"], 126, /^OCI runtime exec failed: exec failed: .*\/nosuch/],
      [["execs", "/etc/passwd"], 126, /permission denied/],
      [["execs", "nosuch"], 127, /executable file not found/],
    ];
    for (const [words, code, text] of cases) {
      const result = await engine.berth(["exec", ...words]);
      assert.equal(result.code, code, result.stdout + result.stderr);
      assert.match(result.stdout, text);
    }
  });

  it("signals a paused container, and wakes it for a signal that stops it", async () => {
    await berth("run", "-d", "--name", "paused", "busybox", "sleep", "100");
    await berth("pause", "paused");
    await berth("kill", "-s", "USR1", "paused");
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "paused"), "paused");
    await berth("kill", "paused");
    const again = await engine.berth(["kill", "paused"]);
    assert.match(again.stderr, /cannot kill container: paused: container \w{64} is not running/);
  });

  it("removes no container for a link, and starts none without its checkpoint", async () => {
    await berth("create", "--name", "kept", "busybox", "true");
    const link = await engine.berth(["rm", "-f", "--link", "kept"]);
    assert.match(link.stderr, /Conflict, cannot remove the default link name of the container/);
    const start = await engine.berth(["start", "--checkpoint", "x", "kept"]);
    assert.match(start.stderr, /checkpoint is only supported in experimental mode/);
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "kept"), "created");
  });

  it("checks names and filters in Docker's words", async () => {
    await berth("run", "-d", "--name", "named", "-v", "/tmp:/host", "busybox", "sleep", "100");
    await berth("create", "--name", "other", "busybox");
    const cases: [string[], RegExp][] = [
      [["rename", "named", "named"], /Renaming a container with the same name as its current name/],
      [
        ["rename", "named", "other"],
        /Error when allocating new name: Conflict\. The container name "\/other"/,
      ],
      [["volume", "create", "a/b"], /create a\/b: "a\/b" includes invalid characters/],
      [["ps", "-f", "exited=x"], /strconv\.Atoi: parsing "x": invalid syntax/],
      [["ps", "-f", "publish=x"], /error while looking up for publish x: /],
      [
        ["ps", "-f", "health=x"],
        /invalid filter 'health=x': invalid value for health \(x\): must be one of none/,
      ],
      [["ps", "-f", "is-task=x"], /invalid filter 'is-task=\[x\]'/],
      [["import", "http://127.0.0.1:9/x.tar"], /Get "http:\/\/127\.0\.0\.1:9\/x\.tar": /],
    ];
    for (const [words, text] of cases) {
      const result = await engine.berth(words);
      assert.equal(result.code, 1, words.join(" "));
      assert.match(result.stderr, text);
      assert.doesNotMatch(result.stderr, /fetch failed/);
    }
    assert.equal(await berth("ps", "-f", "volume=/tmp", "--format", "{{.Names}}"), "named");
  });
});
