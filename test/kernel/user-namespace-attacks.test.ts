import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { after, suite, test } from "node:test";
import { eventually, supervisorOf, useEngine } from "../engine.ts";
import { useSubordinateIds } from "../subordinate-ids.ts";

const first = 1_400_000;
const nobody = 65_534;
const all = [
  "--cap-add",
  "ALL",
  "--security-opt",
  "seccomp=unconfined",
  "--security-opt",
  "apparmor=unconfined",
];

suite("attacks from within a user namespace", () => {
  useSubordinateIds("news", first);
  const { engine, berth } = useEngine(undefined, ["--userns-remap", "news"]);
  const shell = (script: string, ...flags: string[]) =>
    berth("run", "--rm", ...all, ...flags, "busybox", "sh", "-c", script);
  const folder = (name: string) => {
    const path = join(engine.folder, name);
    mkdirSync(path);
    chmodSync(path, 0o777);
    return path;
  };

  test("a file of the host's root in a bind mount is neither read nor changed", async () => {
    const bound = folder("bound");
    const secret = join(bound, "secret");
    writeFileSync(secret, "secret", { mode: 0o600 });
    const before = statSync(secret);
    const attempts = [
      "cat /b/secret",
      "echo x >> /b/secret",
      "chmod 666 /b/secret",
      "chown 0:0 /b/secret",
      "touch /b/secret",
    ];
    const script = attempts.map((attempt) => `(${attempt}) 2>/dev/null && echo "${attempt}"`).join("; ");
    assert.equal(await shell(`${script}; true`, "-v", `${bound}:/b`), "");
    const after = statSync(secret);
    assert.deepEqual([after.uid, after.mode, after.mtimeMs], [before.uid, before.mode, before.mtimeMs]);
    assert.equal(readFileSync(secret, "utf8"), "secret");
  });

  test("a setuid program in a bind mount is not the host's root's", async () => {
    const bound = folder("programs");
    copyFileSync("/usr/bin/id", join(bound, "id-of-host"));
    await shell("cp /b/id-of-host /b/id; chown 0:0 /b/id; chmod 4755 /b/id", "-v", `${bound}:/b`);
    const { uid, mode } = lstatSync(join(bound, "id"));
    assert.deepEqual([uid, mode & 0o7777], [first, 0o4755]);
    const { stdout } = spawnSync(join(bound, "id"), ["-u"], { uid: nobody, gid: nobody, encoding: "utf8" });
    assert.equal(stdout, `${first}\n`);
  });

  test("a setuid program in a volume is out of reach of the host's users", async () => {
    await shell("cp /bin/busybox /v/id; chmod 4755 /v/id", "-v", "programs:/v");
    const directory = await berth("volume", "inspect", "-f", "{{.Mountpoint}}", "programs");
    const program = join(directory, "id");
    assert.equal(statSync(program).mode & 0o7777, 0o4755);
    const { error } = spawnSync(program, ["-u"], { uid: nobody, gid: nobody });
    assert.match(String(error), /EACCES/);
    await berth("volume", "rm", "programs");
  });

  test("the host's root bound into a container opens neither the engine's files nor another's volume", async () => {
    await shell("echo secret > /v/f; chmod 644 /v/f", "-v", "other:/v");
    const directory = await berth("volume", "inspect", "-f", "{{.Mountpoint}}", "other");
    const paths = [
      engine.root,
      directory,
      join(directory, "f"),
      join(engine.execRoot, "remapped/layers"),
      "/etc/shadow",
    ];
    const script = paths
      .map((path) => `cat /h${path} /h${path}/* 2>/dev/null && echo ${path}; ls /h${path} 2>/dev/null`)
      .join("; ");
    const said = await shell(`${script}; true`, "-v", "/:/h");
    assert.equal(said, "/h/etc/shadow", "which shows its name alone");
    await berth("volume", "rm", "other");
  });

  test("all capabilities are worth nothing outside", async () => {
    const attempts = [
      "mknod /d b 8 0",
      "mknod /c c 1 1",
      "echo 1 > /proc/sys/kernel/panic",
      "echo b > /proc/sysrq-trigger",
      "mount -t tmpfs -o remount,size=1 none /proc",
      "mount -o remount,rw /sys",
      "hwclock -w",
      "swapoff -a",
      "insmod /none",
      "dmesg -c",
      "renice -n -5 1",
    ];
    const script = attempts.map((attempt) => `(${attempt}) >/dev/null 2>&1 && echo "${attempt}"`).join("; ");
    assert.equal(await shell(`${script}; true`), "");
  });

  test("a layer with owners that the namespace does not have is refused, in a container and in a build", async () => {
    const context = folder("context");
    writeFileSync(join(context, "Dockerfile"), "FROM busybox\nCOPY --chown=70000:5 Dockerfile /f\n");
    await berth("build", "-q", "-t", "beyond", context);
    const { stderr, code } = await engine.berth(["create", "beyond"]);
    assert.match(stderr, /container ID 70000 cannot be mapped to a host ID/);
    assert.equal(code, 1);
    assert.equal(await berth("ps", "-aq"), "");
    assert.match(
      await berth("run", "--rm", "--userns", "host", "beyond", "stat", "-c", "%u", "/f"),
      /^70000$/,
    );
    writeFileSync(join(context, "Dockerfile"), "FROM beyond\nRUN true\n");
    const built = await engine.berth(["build", context]);
    assert.match(built.stderr, /container ID 70000 cannot be mapped to a host ID/);
  });

  test("the host's /dev/null stays the host's", async () => {
    const script = "chmod 600 /dev/stdin /dev/null; chown 5 /dev/null; true";
    for (const runtime of ["crun", "runc"])
      for (const flags of [[], ["-t"], ["-i"]])
        await berth("run", "--rm", ...flags, "--runtime", runtime, "busybox", "sh", "-c", script);
    const { uid, gid, mode } = statSync("/dev/null");
    assert.deepEqual([uid, gid, mode & 0o777], [0, 0, 0o666]);
  });
});

suite("a daemon that remaps, and its end", () => {
  useSubordinateIds("lp", first + 100_000);
  const flags: string[] = ["--config-file", ""];
  const { engine, berth } = useEngine(/the supervisor was lost/, flags);
  const config = join("/tmp", `berth-remap-${process.pid}.json`);
  const remap = (user: string) => writeFileSync(config, JSON.stringify({ "userns-remap": user }));
  remap("lp");
  flags[1] = config;
  after(() => rmSync(config));
  const uidOf = (pid: string) => statSync(`/proc/${pid}`).uid;
  const pidOf = (name: string) => berth("inspect", "-f", "{{.State.Pid}}", name);

  test("daemon and supervisor may be killed: the container goes on, and the next ones know it", async () => {
    await berth(
      "run",
      "-d",
      "--name",
      "kept",
      "-v",
      "kept:/v",
      "busybox",
      "sh",
      "-c",
      "touch /v/f /made; chown 5:6 /made; while :; do echo tick; sleep 0.1; done",
    );
    const pid = await pidOf("kept");
    assert.equal(uidOf(pid), first + 100_000);
    process.kill(supervisorOf(engine), "SIGKILL");
    await engine.restart("SIGKILL");
    assert.equal(await pidOf("kept"), pid);
    assert.match(await berth("exec", "kept", "cat", "/proc/self/uid_map"), /1500000/);
    const ticks = async () => (await berth("logs", "kept")).split("\n").length;
    const seen = await ticks();
    await eventually(ticks, (now) => now > seen);
    assert.match(await berth("exec", "kept", "stat", "-c", "%u:%g", "/made"), /5:6/);
  });

  test("what was remapped runs without, and the other way round, with the same files", async () => {
    remap("");
    await engine.restart("SIGTERM");
    const owners = ["stat", "-c", "%u:%g", "/made", "/v/f", "/bin/busybox"];
    const expected = "5:6\n0:0\n0:0";
    // The one that runs stays in its namespace until it is started again.
    assert.equal(uidOf(await pidOf("kept")), first + 100_000);
    assert.equal(await berth("exec", "kept", ...owners), expected);
    await berth("restart", "-t", "0", "kept");
    assert.equal(uidOf(await pidOf("kept")), 0);
    assert.equal(await berth("exec", "kept", ...owners), expected);
    await berth("run", "-d", "--name", "of-host", "--network", "host", "busybox", "sleep", "1000");
    remap("lp");
    await engine.restart("SIGTERM");
    await berth("restart", "-t", "0", "kept");
    assert.equal(uidOf(await pidOf("kept")), first + 100_000);
    assert.equal(await berth("exec", "kept", ...owners), expected);
    const { stderr } = await engine.berth(["restart", "-t", "0", "of-host"]);
    assert.match(stderr, /cannot share the host's network namespace when user namespaces are enabled/);
  });

  test("nothing of a container's layers stays mounted on the host", () => {
    const mounts = readFileSync("/proc/self/mountinfo", "utf8");
    assert.ok(!mounts.includes(dirname(engine.execRoot)), "in this namespace");
    assert.deepEqual(readdirSync(join(engine.execRoot, "remapped")), []);
    assert.ok(existsSync(engine.root));
  });
});
