import assert from "node:assert/strict";
import { once } from "node:events";
import { globSync, readdirSync, readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { createClient } from "../../src/client/client.ts";
import { eventually, killSupervisor, output, supervisorOf, tellsExits, useEngine } from "../engine.ts";

describe("a daemon that goes and comes back", () => {
  const { engine, berth } = useEngine();

  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    it(`touches no container and loses no line of output (${signal})`, async () => {
      const script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.01; done";
      await berth("run", "-d", "--name", "writer", "-p", "127.0.0.1:0:80", "busybox", "sh", "-c", script);
      await berth("run", "-d", "-i", "--name", "reader", "busybox", "cat");
      await berth("run", "-d", "-t", "--name", "terminal", "busybox", "sh");
      await berth("run", "-d", "--name", "ender", "busybox", "sh", "-c", "sleep 1; exit 6");
      const before = await berth(
        "inspect",
        "-f",
        "{{.State.Pid}} {{json .NetworkSettings.Ports}} {{.NetworkSettings.IPAddress}}",
        "writer",
      );
      await engine.restart(signal);
      assert.equal(
        await berth(
          "inspect",
          "-f",
          "{{.State.Pid}} {{json .NetworkSettings.Ports}} {{.NetworkSettings.IPAddress}}",
          "writer",
        ),
        before,
      );
      await eventually(
        () => berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "ender"),
        (text) => text === "exited 6",
      );
      assert.equal(await berth("exec", "writer", "echo", "alive"), "alive");
      assert.match(await output(engine.berth, ["exec", "terminal", "ps"]), /sh/);
      await berth("stop", "-t", "0", "writer");
      const lines = (await berth("logs", "writer")).split("\n").map(Number);
      assert.ok(lines.length > 20);
      assert.deepEqual(
        lines,
        lines.map((_, index) => index + 1),
      );
      assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "reader"), "running");
      await berth("rm", "-f", "writer", "reader", "terminal", "ender");
    });
  }

  it("starts again what is to be always running, and not what a user stopped", async () => {
    await berth("run", "-d", "--name", "always", "--restart", "always", "busybox", "sleep", "1000");
    await berth("run", "-d", "--name", "unless", "--restart", "unless-stopped", "busybox", "sleep", "1000");
    await berth("run", "-d", "--name", "never", "busybox", "sleep", "1000");
    await berth("stop", "-t", "0", "always", "unless", "never");
    await engine.restart("SIGTERM");
    const running = async () => (await berth("ps", "--format", "{{.Names}}")).split("\n").filter(Boolean);
    assert.deepEqual(await eventually(running, (names) => names.length > 0), ["always"]);
    await berth("rm", "-f", "always", "unless", "never");
  });

  it("removes what was being made when it was killed", async () => {
    const starts = Promise.allSettled(
      Array.from({ length: 8 }, (_, n) =>
        engine.berth(["run", "-d", "--name", `torn${n}`, "busybox", "sleep", "1000"]),
      ),
    );
    await eventually(
      () => readdirSync(`${engine.root}/containers`).length,
      (count) => count >= 3,
    );
    await engine.restart("SIGKILL");
    await starts;
    const rows = (await berth("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}}"))
      .split("\n")
      .filter(Boolean);
    const ids = rows.map((row) => row.split(" ")[0]);
    // What is listed is whole, and of what is not nothing is there.
    assert.deepEqual(readdirSync(`${engine.root}/containers`).sort(), [...ids].sort());
    assert.deepEqual(JSON.parse((await engine.api("GET", "/berth/system/check")).body), []);
    // One that ran before anybody was told so was killed.
    for (const id of ids)
      assert.match(
        await berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", id!),
        /^(created 0|running 0|exited 137)$/,
      );
    if (ids.length > 0) await berth("rm", "-f", ...(ids as string[]));
    assert.deepEqual(readdirSync(`${engine.root}/containers`), []);
  });
});

describe("restart policies", () => {
  const { engine, berth } = useEngine();

  it("starts on-failure:N again N times, then leaves it", async () => {
    await berth(
      "run",
      "-d",
      "--name",
      "failing",
      "--restart",
      "on-failure:2",
      "busybox",
      "sh",
      "-c",
      "echo try; exit 1",
    );
    await eventually(
      () => berth("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "failing"),
      (text) => text === "exited 2",
    );
    assert.equal(await berth("logs", "failing"), "try\ntry\ntry");
    await berth("rm", "failing");
  });

  it("leaves one that succeeded alone", async () => {
    await berth("run", "-d", "--name", "fine", "--restart", "on-failure", "busybox", "true");
    await berth("wait", "fine");
    assert.equal(await berth("inspect", "-f", "{{.State.Status}} {{.RestartCount}}", "fine"), "exited 0");
    await berth("rm", "fine");
  });

  it("starts always again until it is stopped, also between two runs", async () => {
    await berth("run", "-d", "--name", "again", "--restart", "always", "busybox", "true");
    await eventually(
      () => berth("inspect", "-f", "{{.RestartCount}}", "again"),
      (count) => Number(count) >= 3,
    );
    await berth("stop", "again");
    assert.equal(
      await berth("inspect", "-f", "{{.State.Status}} {{.State.Restarting}}", "again"),
      "exited false",
    );
    await berth("update", "--restart", "no", "again");
    await berth("rm", "again");
  });

  it("refuses a policy that contradicts --rm", async () => {
    const result = await engine.berth(["run", "--rm", "--restart", "always", "busybox", "true"]);
    assert.equal(result.code, 125);
  });
});

describe("a supervisor that is killed", () => {
  const { engine, berth } = useEngine(/the supervisor was lost|no supervisor could be started/);

  it("has a successor even when one after the other is killed before it serves", async () => {
    const before = supervisorOf(engine);
    process.kill(before, "SIGKILL");
    const killed = new Set<number>();
    await eventually(
      () => {
        // On a fast machine one has soon started.
        for (let looks = 0; looks < 20; looks++) {
          for (const pid of findUnborn(engine.execRoot)) {
            // It may have ended by itself, where another one serves.
            if (killIfThere(pid)) killed.add(pid);
          }
        }
        return killed.size;
      },
      (count) => count > 3,
    );
    const { code } = await eventually(
      () => engine.berth(["run", "--rm", "busybox", "true"]),
      (result) => result.code === 0,
    );
    assert.equal(code, 0);
  });

  it("ends the connections of those attached, also with something on its way to it", async () => {
    await berth("run", "-d", "-i", "--name", "reader", "busybox", "cat");
    const client = await createClient({ host: engine.host });
    const { Id: exec } = await client.execs.create("reader", {
      Cmd: ["cat"],
      AttachStdin: true,
      AttachStdout: true,
    });
    const attached = [
      await client.containers.attach("reader", { stdin: true, stdout: true }),
      await client.execs.attach(exec, { Tty: false }),
    ];
    process.kill(supervisorOf(engine), "SIGSTOP");
    for (const { socket } of attached) socket.write("on its way\n");
    // A later request is answered, so the daemon has read that and passed it on.
    await engine.api("GET", "/_ping");
    const ended = attached.map(({ socket }) => once(socket.resume(), "end"));
    await killSupervisor(engine);
    await Promise.all(ended);
    await berth("rm", "-f", "reader");
  });

  it("takes no container with it: they run on, are found again, and their output goes on into the log", async () => {
    const script = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.02; done";
    await berth("run", "-d", "--name", "writer", "busybox", "sh", "-c", script);
    await berth("run", "-d", "--name", "ender", "busybox", "sh", "-c", "sleep 2; exit 6");
    const pid = await berth("inspect", "-f", "{{.State.Pid}}", "writer");
    await killSupervisor(engine);
    assert.equal(
      await berth("inspect", "-f", "{{.State.Pid}} {{.State.Status}}", "writer"),
      `${pid} running`,
    );
    assert.equal(
      await eventually(
        () => engine.berth(["exec", "writer", "echo", "alive"]),
        ({ code }) => code === 0,
      ).then(({ stdout }) => stdout),
      "alive\n",
    );
    const last = async () => Number((await berth("logs", "-n", "1", "writer")).trim());
    const seen = await last();
    await eventually(last, (line) => line > seen + 5);
    // The kernel tells the exit code of another's child from 6.15 on; before, nobody can know it.
    const code = await eventually(
      () => berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}", "ender"),
      (text) => text.startsWith("exited"),
    );
    assert.match(code, tellsExits ? /^exited 6 $/ : /^exited (6 $|255 exit code unknown)/);
    await berth("stop", "-t", "0", "writer");
    assert.match(await berth("inspect", "-f", "{{.State.Status}}", "writer"), /exited/);
    await berth("rm", "writer", "ender");
    assert.equal(await berth("run", "--rm", "busybox", "echo", "as before"), "as before");
  });

  it("costs no line of one that ends while there is no supervisor, with a terminal or without", async () => {
    const script = "echo begun; sleep 0.5; seq 1 43; seq 44 83 >&2; exit 3";
    const variants = Object.entries({ pipes: [], terminal: ["-t"] });
    for (const [name, flags] of variants)
      await berth("run", "-d", ...flags, "--name", name, "busybox", "sh", "-c", script);
    const names = variants.map(([name]) => name);
    for (const name of names)
      await eventually(
        () => berth("logs", name),
        (log) => log.includes("begun"),
      );
    const pids = (await berth("inspect", "-f", "{{.State.Pid}}", ...names)).split("\n").map(Number);
    process.kill(supervisorOf(engine), "SIGSTOP");
    await eventually(
      () => pids.filter(isRunning),
      (running) => running.length === 0,
    );
    await killSupervisor(engine);
    for (const name of names) {
      await berth("wait", name);
      const { stdout, stderr } = await engine.berth(["logs", name]);
      assert.deepEqual(
        `${stdout}${stderr}`.split(/\r?\n/).filter(Boolean),
        ["begun", ...Array.from({ length: 83 }, (_, index) => String(index + 1))],
        name,
      );
      const code = await berth("inspect", "-f", "{{.State.ExitCode}}", name);
      assert.equal(code, tellsExits ? "3" : "255");
    }
    await berth("rm", ...names);
  });
});

function killIfThere(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

/** The pids of an engine's supervisors that have only begun to start: they have not given themselves their title yet. */
function findUnborn(execRoot: string): number[] {
  return globSync("/proc/[0-9]*/cmdline").flatMap((path) => {
    try {
      const words = readFileSync(path, "latin1").split("\0");
      const isUnborn =
        words.some((word) => /supervisor\/main\.[jt]s$/.test(word)) && words.includes(execRoot);
      return isUnborn ? [Number(path.split("/")[2])] : [];
    } catch {
      return [];
    }
  });
}

function isRunning(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}
