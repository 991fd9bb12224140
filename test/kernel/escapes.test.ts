import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, output, startEngine, supervisorOf, type TestEngine } from "../engine.ts";

const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Ways out of a container that other engines have left open. CVE-2018-15664 is in containers/archive-running.test.ts. */
for (const runtime of ["crun", "runc"]) {
  describe(`known escapes with ${runtime}`, () => {
    let engine: TestEngine;
    let secret: string;
    const run = (...words: string[]) => engine.berth(["run", "--rm", "--runtime", runtime, ...words]);
    before(async () => {
      engine = await startEngine();
      await output(engine.berth, ["image", "make", "busybox"]);
      secret = join(engine.folder, "secret");
      writeFileSync(secret, "host only");
    });
    after(() => engine.stop());

    it("CVE-2019-5736: the runtime's own program cannot be overwritten through /proc/self/exe", async () => {
      const program = (await output(engine.cli("sh"), ["-c", `command -v ${runtime}`])).trim();
      const before = sha256(program);
      const attack =
        "printf '#!/proc/self/exe\\n' >/bin/trap; chmod +x /bin/trap; " +
        "for n in $(seq 200); do for p in /proc/[0-9]*; do echo evil 2>/dev/null >$p/exe; done; done; sleep 1000";
      await output(engine.berth, [
        ...["run", "-d", "--name", "grabber", "--runtime", runtime, "busybox", "sh", "-c", attack],
      ]);
      for (let tries = 0; tries < 5; tries++) await engine.berth(["exec", "grabber", "/bin/trap"]);
      await run("--entrypoint", "/proc/self/exe", "busybox");
      await output(engine.berth, ["rm", "-f", "grabber"]);
      assert.equal(sha256(program), before);
    });

    it("CVE-2024-21626: no working directory leads through a leaked descriptor", async () => {
      for (let fd = 0; fd < 30; fd++) {
        const { stdout } = await run("-w", `/proc/self/fd/${fd}`, "busybox", "cat", relativeTo(secret));
        assert.equal(stdout, "", `-w /proc/self/fd/${fd}`);
      }
      await output(engine.berth, [
        "run",
        "-d",
        "--name",
        "sleeper",
        "--runtime",
        runtime,
        "busybox",
        "sleep",
        "1000",
      ]);
      for (let fd = 3; fd < 15; fd++) {
        const words = ["exec", "-w", `/proc/self/fd/${fd}`, "sleeper", "cat", relativeTo(secret)];
        const { stdout } = await engine.berth(words);
        assert.doesNotMatch(stdout, /host only/, `exec -w /proc/self/fd/${fd}`);
      }
      await output(engine.berth, ["rm", "-f", "sleeper"]);
    });

    it("gives a container's process no open descriptor but its three", async () => {
      const { stdout } = await run("busybox", "sh", "-c", "ls /proc/$$/fd >/list; cat /list");
      // The shell has its script at 10.
      const fds = stdout.trim().split("\n").map(Number);
      assert.deepEqual(
        fds.filter((fd) => fd !== 10),
        [0, 1, 2],
      );
    });

    it("CVE-2019-16884, CVE-2019-19921: nothing can be mounted over what the kernel tells in /proc", async () => {
      for (const words of [
        ["-v", "fake:/proc"],
        ["-v", "/tmp:/proc/sys"],
        ["--tmpfs", "/proc/self/attr"],
      ]) {
        const { code, stderr } = await run(...words, "busybox", "true");
        assert.match(stderr, /cannot be mounted because it is (not of type proc|inside "\/proc")/);
        assert.equal(code, 125);
      }
      assert.equal(await output(engine.berth, ["volume", "ls", "-q"]), "");
      const uptime = ["-v", "/proc/uptime:/proc/uptime:ro", "busybox", "true"];
      assert.equal((await run(...uptime)).code, 0, "as lxcfs does");
      assert.equal((await run("busybox", "sh", "-c", "echo x >/proc/sys/kernel/core_pattern")).code, 1);
    });

    it("an image whose /proc, /sys or /dev is a link has the mounts inside all the same", async () => {
      for (const name of ["proc", "sys", "dev", "etc"]) {
        const rootfs = join(engine.folder, `rootfs-${runtime}-${name}`);
        mkdirSync(join(rootfs, "bin"), { recursive: true });
        symlinkSync(engine.folder, join(rootfs, name));
        const archive = `${rootfs}.tar`;
        await output(engine.cli("cp"), ["/bin/busybox", join(rootfs, "bin/sh")]);
        await output(engine.cli("tar"), ["-C", rootfs, "-cf", archive, "."]);
        await output(engine.berth, ["import", archive, `linked-${name}`]);
        const { stdout } = await run(`linked-${name}`, "sh", "-c", `cat ${secret} || cat /${name}/secret`);
        assert.equal(stdout, "", name);
        assert.equal(readFileSync(secret, "utf8"), "host only");
        await output(engine.berth, ["rmi", `linked-${name}`]);
      }
    });

    it("shows a container neither the daemon's socket nor the supervisor's, not even in the host's network", async () => {
      const look = `cat /proc/net/unix; ls ${engine.execRoot} 2>&1`;
      const { stdout } = await run("--network", "host", "busybox", "sh", "-c", look);
      // Those with a path are found by path alone; one with an abstract name, "@", could be reached.
      const abstract = stdout.split("\n").filter((line) => line.includes("@") && line.includes("berth"));
      assert.deepEqual(abstract, []);
      assert.match(stdout, /No such file/);
    });
  });
}

describe("another user of the host", () => {
  let engine: TestEngine;
  before(async () => {
    engine = await startEngine();
    await output(engine.berth, ["image", "make", "busybox"]);
  });
  after(() => engine.stop());

  it("reaches neither the daemon's socket nor the supervisor's, nor a container's files", async () => {
    await output(engine.berth, ["run", "-d", "--name", "one", "busybox", "sleep", "1000"]);
    const id = await output(engine.berth, ["inspect", "-f", "{{.Id}}", "one"]);
    const connect =
      "require('net').connect(process.argv[1]).on('connect', () => console.log('connected')).on('error', (e) => console.log(e.code))";
    const asNobody = (...words: string[]) =>
      engine.cli("setpriv")(["--reuid", "65534", "--regid", "65534", "--clear-groups", ...words]);
    await output(engine.cli("chmod"), ["755", engine.folder]);
    for (const socket of ["berth.sock", "supervisor.sock"]) {
      const path = join(engine.execRoot, socket);
      assert.equal(statSync(path).mode & 0o007, 0, socket);
      const { stdout } = await asNobody(process.execPath, "-e", connect, path);
      assert.match(stdout, /EACCES/, socket);
    }
    const closed = ["berth.db", `containers/${id}`, "blobs/sha256", "layers"].map((path) =>
      join(engine.root, path),
    );
    for (const path of [...closed, join(engine.execRoot, "p"), join(engine.execRoot, "bundles", id)]) {
      const { code } = await asNobody("sh", "-c", `ls ${path}/ || cat ${path}`);
      assert.notEqual(code, 0, path);
    }
    await eventually(
      () => supervisorOf(engine),
      (pid) => pid > 0,
    );
  });
});

/** A path that leads out of any working directory: a leaked directory of the host would be followed. */
const relativeTo = (path: string) => `${"../".repeat(20)}${path.slice(1)}`;
