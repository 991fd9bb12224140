import assert from "node:assert/strict";
import { globSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { mountHung } from "../hung-file-system.ts";

describe("a volume whose server does not answer", () => {
  const { engine, berth } = useEngine();
  const stateOf = (name: string) => berth("inspect", "-f", "{{.State.Status}}", name);

  it("holds up neither the daemon's start nor another container's, and comes back with its server", async () => {
    const share = join(engine.folder, "share");
    mkdirSync(join(share, "data"), { recursive: true });
    await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${share}/data`, "far");
    const always = ["--restart", "always", "busybox", "sleep", "1000"];
    await berth("run", "-d", "--name", "waiting", "-v", "far:/far", ...always);
    await berth("run", "-d", "--name", "other", ...always);
    const pids = await Promise.all(
      ["waiting", "other"].map((name) => berth("inspect", "-f", "{{.State.Pid}}", name)),
    );
    process.kill(engine.pid(), "SIGKILL");
    for (const pid of pids) process.kill(Number(pid), "SIGKILL");
    {
      using _ = mountHung(share);
      await engine.restart("SIGKILL");
      await eventually(
        () => stateOf("other"),
        (status) => status === "running",
      );
      assert.notEqual(await stateOf("waiting"), "running");
      assert.match(await berth("volume", "ls"), /far/);
      assert.match(await berth("volume", "inspect", "far"), /"device"/);
      assert.equal(await berth("run", "--rm", "busybox", "echo", "works"), "works");
      // Not even while one is waited for.
      await engine.restart("SIGKILL");
      assert.equal(await stateOf("other"), "running");
    }
    await eventually(
      async () => {
        await engine.berth(["start", "waiting"]);
        return stateOf("waiting");
      },
      (status) => status === "running",
    );
    await berth("rm", "-f", "waiting", "other");
    await berth("volume", "rm", "far");
  });

  const bindVolume = (name: string, device: string) =>
    berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${device}`, name);

  /** A command that may never end. */
  function follow(...words: string[]): { isOver: boolean; result: Promise<{ code: number | null }> } {
    const followed = { isOver: false, result: engine.berth(words) };
    followed.result = followed.result.finally(() => {
      followed.isOver = true;
    });
    return followed;
  }

  const untilOver = (...words: string[]) => {
    const followed = follow(...words);
    return eventually(
      () => followed.isOver,
      (isOver) => isOver,
    ).then(() => followed.result);
  };

  const untilAsleep = (most: number) =>
    eventually(
      () => sleepersOf(engine.pid()),
      (count) => count >= most,
    );

  it("can be waited for in a start that is ended, and neither is held up by others of its server", async () => {
    const [share, near] = ["share", "near"].map((name) => join(engine.folder, name)) as [string, string];
    mkdirSync(near, { recursive: true });
    await bindVolume("near", near);
    const names = Array.from({ length: 9 }, (_, index) => `far${index}`);
    for (const name of names) {
      mkdirSync(join(share, name), { recursive: true });
      await bindVolume(name, join(share, name));
      await berth("create", "--name", name, "-v", `${name}:/far`, "busybox", "sleep", "1000");
    }
    mkdirSync(join(share, "none"), { recursive: true });
    const [made, ofOne] = [`volume-opt=device=${share}/none`, "type=volume,dst=/x,volume-opt=type=none"];
    const anonymous = `${ofOne},volume-opt=o=bind,${made}`;
    await berth("create", "--name", "nameless", "--mount", anonymous, "busybox", "sleep", "1000");
    const volumes = async () => (await berth("volume", "ls", "-q")).split("\n").sort();
    assert.equal((await volumes()).length, names.length + 2);
    {
      using _ = mountHung(share);
      const starts = [...names.slice(0, 3), "nameless", ...names.slice(3)].map((name) =>
        follow("start", name),
      );
      await untilAsleep(4);
      assert.equal((await untilOver("run", "--rm", "-v", "near:/near", "busybox", "true")).code, 0);
      for (const name of [...names, "nameless"])
        assert.equal((await untilOver("rm", "-fv", name)).code, 0, name);
      for (const { result } of starts) assert.notEqual((await result).code, 0);
      assert.match((await engine.berth(["volume", "rm", ...names])).stderr, /volume is in use/);
    }
    await eventually(volumes, (left) => left.every((name) => ["near", ...names].includes(name)));
    for (const name of ["near", ...names])
      await eventually(
        () => engine.berth(["volume", "rm", "-f", name]),
        ({ code }) => code === 0,
      );
  });

  it("holds up its own container alone when it is mounted below the source of a bind", async () => {
    const share = join(engine.folder, "share");
    mkdirSync(join(share, "below"), { recursive: true });
    await berth(
      "create",
      "--name",
      "around",
      "-v",
      `${share}:/a`,
      "-v",
      "data:/a/below/data",
      "busybox",
      "true",
    );
    {
      using _ = mountHung(join(share, "below"));
      const start = follow("start", "around");
      await untilAsleep(1);
      assert.match(await berth("ps", "-a"), /around/);
      assert.equal((await untilOver("rm", "-f", "around")).code, 0);
      await start.result;
    }
    await berth("volume", "rm", "data");
  });
});

/** How many of a process's threads sleep in the kernel where only a fatal signal wakes them. */
function sleepersOf(pid: number): number {
  return globSync(`/proc/${pid}/task/*/stat`).filter((path) => {
    try {
      return /\) D /.test(readFileSync(path, "utf8"));
    } catch {
      return false;
    }
  }).length;
}
