import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cgroupLayout } from "../../src/sys/cgroup.ts";
import { output, startEngine, type TestEngine } from "../engine.ts";

for (const runtime of ["crun", "runc"]) {
  describe(`isolation with ${runtime}`, () => {
    let engine: TestEngine;
    const run = (...words: string[]) => output(engine.berth, ["run", "--rm", "--runtime", runtime, ...words]);
    before(async () => {
      engine = await startEngine();
      await output(engine.berth, ["image", "make", "busybox"]);
    });
    after(() => engine.stop());

    it("gives each container namespaces of its own", async () => {
      for (const namespace of ["mnt", "pid", "uts", "ipc", "net"]) {
        const inside = await run("busybox", "readlink", `/proc/self/ns/${namespace}`);
        assert.notEqual(
          inside,
          await output(engine.cli("readlink"), [`/proc/self/ns/${namespace}`]),
          namespace,
        );
      }
      assert.equal((await run("busybox", "ps", "-o", "pid")).replace(/\s+/g, " "), "PID 1");
    });

    it("makes a missing working directory, whatever the letters of its name, and no other", async () => {
      const before = await run("busybox", "ls", "/");
      const after = await run("-w", "/übung/日本", "busybox", "sh", "-c", "pwd; ls /");
      const [where, ...names] = after.split("\n");
      assert.equal(where, "/übung/日本");
      // busybox's ls shows letters it does not know as question marks.
      assert.equal(names.length, before.split("\n").length + 1, after);
    });

    it("gives Docker's capabilities, more or fewer on request", async () => {
      const effective = async (...words: string[]) =>
        BigInt(
          `0x${(await run(...words, "busybox", "sh", "-c", "grep CapEff /proc/self/status")).split("\t")[1]}`,
        );
      const bounding = BigInt(
        `0x${/CapBnd:\s*(\w+)/.exec(readFileSync("/proc/self/status", "latin1"))?.[1]}`,
      );
      assert.equal(await effective(), 0xa80425fbn & bounding);
      assert.equal(await effective("--cap-drop", "ALL"), 0n);
      assert.equal(await effective("--cap-drop", "ALL", "--cap-add", "CHOWN"), 1n);
      assert.equal(await effective("--cap-add", "NET_ADMIN"), (0xa80425fbn | (1n << 12n)) & bounding);
      assert.equal(await effective("--privileged"), bounding);
      assert.equal(await effective("-u", "nobody"), 0n);
    });

    it("hides and protects what Docker hides and protects", async () => {
      assert.equal(
        await run("busybox", "sh", "-c", "cat /proc/keys /proc/timer_list 2>/dev/null | wc -c"),
        "0",
      );
      assert.notEqual(
        (
          await engine.berth([
            "run",
            "--rm",
            "--runtime",
            runtime,
            "busybox",
            "sh",
            "-c",
            "echo 1 > /proc/sys/vm/drop_caches",
          ])
        ).code,
        0,
      );
      assert.notEqual(
        (await engine.berth(["run", "--rm", "--runtime", runtime, "busybox", "touch", "/sys/x"])).code,
        0,
      );
      assert.match(await run("busybox", "ls", "/dev"), /^(?=[\s\S]*null)(?=[\s\S]*urandom)(?![\s\S]*vda)/);
    });

    it("filters system calls as Docker does, unless told not to", async () => {
      assert.match(await run("busybox", "grep", "Seccomp:", "/proc/self/status"), /2$/);
      assert.match(
        await run("--security-opt", "seccomp=unconfined", "busybox", "grep", "Seccomp:", "/proc/self/status"),
        /0$/,
      );
      const unshare = ["busybox", "unshare", "-U", "true"];
      assert.notEqual((await engine.berth(["run", "--rm", "--runtime", runtime, ...unshare])).code, 0);
    });

    it("keeps profiles apart, also when their filters are known from earlier containers", async () => {
      const folder = mkdtempSync(join(tmpdir(), "berth-seccomp-"));
      const denying = (name: string) => {
        const file = join(folder, `${name}.json`);
        const rule = { names: [name, `${name}at`], action: "SCMP_ACT_ERRNO" };
        writeFileSync(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] }));
        return ["--security-opt", `seccomp=${file}`];
      };
      const script =
        "mkdir /a 2>/dev/null && echo made; ln -s x /b 2>/dev/null && echo linked; unshare -U true 2>/dev/null && echo unshared; :";
      const does = async (...words: string[]) =>
        (await run(...words, "busybox", "sh", "-c", script)).split("\n").filter(Boolean);
      try {
        for (let round = 0; round < 3; round++) {
          assert.deepEqual(await does(), ["made", "linked"]);
          assert.deepEqual(await does(...denying("mkdir")), ["linked", "unshared"]);
          assert.deepEqual(await does(...denying("symlink")), ["made", "unshared"]);
          assert.deepEqual(await does("--cap-add", "SYS_ADMIN"), ["made", "linked", "unshared"]);
        }
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    it("honours no-new-privileges, user, groups, hostname, ulimits, sysctls, read-only, devices, init", async () => {
      assert.match(
        await run(
          "--security-opt",
          "no-new-privileges",
          "busybox",
          "grep",
          "NoNewPrivs",
          "/proc/self/status",
        ),
        /1$/,
      );
      assert.equal(
        await run("-u", "1234:5678", "--group-add", "99", "busybox", "id"),
        "uid=1234 gid=5678 groups=99,5678",
      );
      assert.equal(await run("-h", "box", "busybox", "hostname"), "box");
      assert.equal(
        await run("--ulimit", "nofile=123:456", "busybox", "sh", "-c", "ulimit -Sn; ulimit -Hn"),
        "123\n456",
      );
      assert.equal(
        await run("--sysctl", "net.ipv4.ip_forward=1", "busybox", "cat", "/proc/sys/net/ipv4/ip_forward"),
        "1",
      );
      assert.match(
        (await engine.berth(["run", "--rm", "--read-only", "busybox", "touch", "/x"])).stderr,
        /Read-only file system/,
      );
      assert.equal(
        await run(
          "--read-only",
          "--tmpfs",
          "/t:size=1m,mode=1777",
          "busybox",
          "sh",
          "-c",
          "touch /t/x && stat -c %a /t",
        ),
        "1777",
      );
      assert.match(
        await run("--device", "/dev/zero:/dev/nil", "busybox", "sh", "-c", "head -c 3 /dev/nil | wc -c"),
        /^3$/,
      );
      assert.match(await run("--init", "busybox", "ps", "-o", "comm"), /docker-init|tini/);
      assert.match(await run("--shm-size", "1m", "busybox", "df", "/dev/shm"), / 1024 /);
    });

    it("shares namespaces on request", async () => {
      const own = (name: string) => output(engine.cli("readlink"), [`/proc/self/ns/${name}`]);
      assert.equal(await run("--pid", "host", "busybox", "readlink", "/proc/self/ns/pid"), await own("pid"));
      assert.equal(
        await run("--network", "host", "busybox", "readlink", "/proc/self/ns/net"),
        await own("net"),
      );
      assert.equal(await run("--ipc", "host", "busybox", "readlink", "/proc/self/ns/ipc"), await own("ipc"));
      assert.equal(await run("--uts", "host", "busybox", "readlink", "/proc/self/ns/uts"), await own("uts"));
      await output(engine.berth, [
        "run",
        "-d",
        "--name",
        "base",
        "--ipc",
        "shareable",
        "busybox",
        "sh",
        "-c",
        "touch /dev/shm/shared; sleep 1000",
      ]);
      const pid = await output(engine.berth, ["inspect", "-f", "{{.State.Pid}}", "base"]);
      const link = (name: string) => output(engine.cli("readlink"), [`/proc/${pid}/ns/${name}`]);
      assert.equal(
        await run("--network", "container:base", "busybox", "readlink", "/proc/self/ns/net"),
        await link("net"),
      );
      assert.equal(
        await run("--pid", "container:base", "busybox", "readlink", "/proc/self/ns/pid"),
        await link("pid"),
      );
      assert.equal(await run("--ipc", "container:base", "busybox", "ls", "/dev/shm"), "shared");
      await output(engine.berth, ["rm", "-f", "base"]);
    });

    it("makes /etc/hosts, /etc/hostname and /etc/resolv.conf for each container, outside its own changes", async () => {
      const words = [
        "run",
        "--name",
        "etc",
        "--runtime",
        runtime,
        "-h",
        "me",
        "--add-host",
        "other:10.9.8.7",
        "--dns",
        "10.1.2.3",
        "busybox",
      ];
      const text = await output(engine.berth, [
        ...words,
        "cat",
        "/etc/hosts",
        "/etc/hostname",
        "/etc/resolv.conf",
      ]);
      for (const line of ["127.0.0.1\tlocalhost", "10.9.8.7\tother", "me", "nameserver 10.1.2.3"])
        assert.ok(text.split("\n").includes(line), `${line} in ${text}`);
      assert.match(text, /^10\.\d+\.0\.\d+\tme$/m);
      assert.equal(await output(engine.berth, ["diff", "etc"]), "");
      await output(engine.berth, ["rm", "etc"]);
    });

    it("shares the host's cgroup namespace on request, and leaves the host's cgroup mounts as they are", async () => {
      const cgroupMounts = () =>
        readFileSync("/proc/self/mountinfo", "latin1")
          .split("\n")
          .filter((line) => line.includes(" - cgroup"));
      const before = cgroupMounts();
      const host = ["--cgroupns", "host"];
      for (const words of [[], ["--privileged"]]) {
        const shown = await run(...words, ...host, "busybox", "cat", "/proc/self/cgroup");
        assert.match(shown, /^\d+:[^:]*:\/bt[0-9a-f]{6}\/[0-9a-f]{64}$/m);
        const mkdir = [
          "sh",
          "-c",
          "cd /sys/fs/cgroup; [ ! -d memory ] || cd memory; mkdir $HOSTNAME && rmdir $HOSTNAME",
        ];
        const result = await engine.berth([
          "run",
          "--rm",
          ...words,
          "--runtime",
          runtime,
          ...host,
          "busybox",
          ...mkdir,
        ]);
        assert.equal(result.code, words.length > 0 ? 0 : 1, result.stderr);
      }
      assert.deepEqual(cgroupMounts(), before);
    });

    it("sets limits where the kernel keeps them", async () => {
      const words = [
        "-d",
        "--name",
        "limited",
        "--runtime",
        runtime,
        "-m",
        "64m",
        "--cpus",
        "0.5",
        "--pids-limit",
        "20",
        "--cpuset-cpus",
        "0",
      ];
      await output(engine.berth, ["run", ...words, "busybox", "sleep", "1000"]);
      const pid = await output(engine.berth, ["inspect", "-f", "{{.State.Pid}}", "limited"]);
      const cgroups = readFileSync(`/proc/${pid}/cgroup`, "latin1")
        .trim()
        .split("\n")
        .map((line) => line.split(":"));
      const read = (controller: string, v1: string, v2: string) => {
        const folder = cgroups.find(([, names]) => names?.split(",").includes(controller));
        const unified = `/sys/fs/cgroup${cgroups.find(([number]) => number === "0")?.[2]}/${v2}`;
        return readFileSync(
          folder ? `/sys/fs/cgroup/${controller}${folder[2]}/${v1}` : unified,
          "latin1",
        ).trim();
      };
      assert.equal(read("memory", "memory.limit_in_bytes", "memory.max"), String(64 << 20));
      assert.equal(read("pids", "pids.max", "pids.max"), "20");
      assert.match(read("cpu", "cpu.cfs_quota_us", "cpu.max"), /^50000/);
      assert.equal(read("cpuset", "cpuset.cpus", "cpuset.cpus"), "0");
      await output(engine.berth, ["update", "-m", "128m", "--memory-swap", "256m", "limited"]);
      assert.equal(read("memory", "memory.limit_in_bytes", "memory.max"), String(128 << 20));
      await output(engine.berth, ["rm", "-f", "limited"]);
    });

    it("goes on without the limits that cgroup v2 does not have, and warns of them", async () => {
      const words = ["-m", "64m", "--memory-swappiness", "10", "--oom-kill-disable", "busybox", "true"];
      const result = await engine.berth(["run", "--rm", "--runtime", runtime, ...words]);
      assert.equal(result.code, 0, result.stderr);
      const discarded = [...result.stderr.matchAll(/WARNING: .*?(\w+) discarded\./g)].map(([, name]) => name);
      assert.deepEqual(discarded, cgroupLayout() === "v2" ? ["swappiness", "OomKillDisable"] : []);
    });

    it("says that the kernel killed a container for its memory", async () => {
      const words = [
        "run",
        "--name",
        "greedy",
        "--runtime",
        runtime,
        "-m",
        "16m",
        "--memory-swap",
        "16m",
        "busybox",
      ];
      const result = await engine.berth([...words, "sh", "-c", "head -c 100000000 /dev/zero | tail"]);
      assert.notEqual(result.code, 0);
      assert.equal(await output(engine.berth, ["inspect", "-f", "{{.State.OOMKilled}}", "greedy"]), "true");
      await output(engine.berth, ["rm", "greedy"]);
    });
  });
}

it("tells a missing runtime clearly", async () => {
  const engine = await startEngine(["--add-runtime", "ghost=/usr/bin/no-such-runtime"]);
  try {
    await output(engine.berth, ["image", "make", "busybox"]);
    const result = await engine.berth(["run", "--rm", "--runtime", "ghost", "busybox", "true"]);
    assert.equal(result.code, 125);
    assert.match(result.stderr, /OCI runtime "\/usr\/bin\/no-such-runtime" not found/);
    assert.match(
      (await engine.berth(["run", "--runtime", "unknown", "busybox", "true"])).stderr,
      /unknown or invalid runtime name: unknown/,
    );
  } finally {
    await engine.stop();
  }
});
