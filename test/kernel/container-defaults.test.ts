import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { output, useEngine } from "../engine.ts";

const daemon = fileURLToPath(new URL("../../dist/daemon/main.js", import.meta.url));

const folder = mkdtempSync(join(tmpdir(), "bt-defaults-"));
const profile = join(folder, "profile.json");
writeFileSync(
  profile,
  JSON.stringify({
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" }],
  }),
);
after(() => rmSync(folder, { recursive: true }));

describe("what the daemon's configuration says for all containers", () => {
  const { engine, berth } = useEngine(undefined, [
    ...["--log-driver", "json-file", "--log-opt", "max-size=1m", "--log-opt", "tag=all"],
    ...["--default-ulimit", "nofile=100:200", "--default-shm-size", "1m", "--init", "--label", "a=b"],
    ...["--default-ipc-mode", "shareable", "--default-cgroupns-mode", "private", "--no-new-privileges"],
    ...["--seccomp-profile", profile, "--host-gateway-ip", "fd00::7", "--host-gateway-ip", "192.0.2.7"],
  ]);
  const inspect = async (name: string) =>
    JSON.parse(await berth("inspect", "-f", "{{json .HostConfig}}", name));

  it("holds for one that says nothing, and gives way to one that does", async () => {
    await berth(
      "run",
      "--name",
      "plain",
      "busybox",
      "sh",
      "-c",
      "ulimit -n; ulimit -Hn; df -k /dev/shm | tail -1",
    );
    const [soft, hard, shm = ""] = (await berth("logs", "plain")).split("\n");
    assert.deepEqual([soft, hard], ["100", "200"]);
    assert.match(shm, /^shm +1024 /);
    const plain = await inspect("plain");
    assert.deepEqual(plain.LogConfig, { Type: "json-file", Config: { "max-size": "1m", tag: "all" } });
    assert.deepEqual([plain.Init, plain.ShmSize], [true, 1 << 20]);
    assert.match(await berth("logs", "--details", "plain"), /^tag=all 100/);
    await berth(
      ...["create", "--name", "own", "--init=false", "--shm-size", "2m", "--ulimit", "nofile=50"],
      ...["--ulimit", "core=0", "--log-opt", "tag=mine", "busybox"],
    );
    const own = await inspect("own");
    assert.deepEqual(own.LogConfig.Config, { "max-size": "1m", tag: "mine" });
    assert.deepEqual([own.Init, own.ShmSize], [false, 2 << 20]);
    assert.deepEqual(own.Ulimits, [
      { Name: "nofile", Hard: 50, Soft: 50 },
      { Name: "core", Hard: 0, Soft: 0 },
    ]);
    await berth("create", "--name", "other", "--log-driver", "local", "busybox");
    assert.deepEqual((await inspect("other")).LogConfig, { Type: "local", Config: {} });
    const info = JSON.parse((await engine.api("GET", "/info")).body);
    assert.deepEqual([info.LoggingDriver, info.Labels], ["json-file", ["a=b"]]);
    await berth("rm", "plain", "own", "other");
  });

  it("gives namespaces and takes privileges, unless a container says otherwise", async () => {
    const privileges = ["busybox", "grep", "NoNewPrivs", "/proc/self/status"];
    assert.match(await berth("run", "--rm", ...privileges), /1$/);
    assert.match(
      await berth("run", "--rm", "--security-opt", "no-new-privileges=false", ...privileges),
      /0$/,
    );
    await berth("run", "-d", "--name", "long", "busybox", "sleep", "1000");
    assert.match(await berth("exec", "long", ...privileges.slice(1)), /1$/);
    const { IpcMode, CgroupnsMode, SecurityOpt } = await inspect("long");
    assert.deepEqual([IpcMode, CgroupnsMode, SecurityOpt], ["shareable", "private", null]);
    await berth("run", "--rm", "--ipc", "container:long", "busybox", "true");
    await berth("create", "--name", "own", "--ipc", "private", "--cgroupns", "host", "busybox");
    const own = await inspect("own");
    assert.deepEqual([own.IpcMode, own.CgroupnsMode], ["private", "host"]);
    await berth("rm", "-f", "long", "own");
  });

  it("filters system calls by the daemon's profile, unless a container has another or is privileged", async () => {
    const make = ["busybox", "mkdir", "/made"];
    await assert.rejects(
      berth("run", "--rm", ...make),
      /can't create directory '\/made': Not owner|Operation not permitted/,
    );
    for (const own of ["seccomp=unconfined", "seccomp=builtin"])
      await berth("run", "--rm", "--security-opt", own, ...make);
    await berth("run", "--rm", "--privileged", ...make);
    await berth("run", "-d", "--name", "filtered", "busybox", "sleep", "1000");
    await assert.rejects(berth("exec", "filtered", "mkdir", "/made"), /Operation not permitted/);
    await berth("rm", "-f", "filtered");
    const { SecurityOptions } = JSON.parse((await engine.api("GET", "/info")).body);
    assert.ok(SecurityOptions.includes(`name=seccomp,profile=${profile}`), SecurityOptions);
  });

  it("says what host-gateway stands for, in containers and in builds", async () => {
    const shown = ["--add-host", "outside:host-gateway", "busybox", "grep", "outside", "/etc/hosts"];
    assert.equal(await berth("run", "--rm", ...shown), "192.0.2.7\toutside\nfd00::7\toutside");
    const dockerfile = "FROM busybox\nRUN grep outside /etc/hosts > /said\n";
    const build = ["build", "-q", "--add-host", "outside:host-gateway", "-"];
    const image = (await output(engine.berth, build, dockerfile)).trim();
    assert.match(await berth("run", "--rm", image, "cat", "/said"), /^192\.0\.2\.7\toutside/);
    await berth("rmi", image);
  });

  it("is checked without a daemon by --validate", () => {
    const check = (...words: string[]) => {
      const { status, stderr } = spawnSync(process.execPath, [daemon, "--validate", ...words], {
        encoding: "utf8",
      });
      return [status, stderr.trim()];
    };
    assert.deepEqual(check("--log-opt", "max-size=1m"), [0, "configuration OK"]);
    assert.deepEqual(check("--userns-remap", "default"), [0, "configuration OK"]);
    assert.deepEqual(check("--userns-remap", "nosuch"), [
      1,
      'berth daemon: Error during uid lookup for "nosuch": getent unable to find entry "nosuch" in passwd database',
    ]);
    assert.deepEqual(check("--log-opt", "foo=1"), [
      1,
      "berth daemon: unknown log opt 'foo' for json-file log driver",
    ]);
    assert.deepEqual(check("--default-runtime", "nosuch"), [
      1,
      'berth daemon: the default runtime "nosuch" is not among the runtimes',
    ]);
  });
});
