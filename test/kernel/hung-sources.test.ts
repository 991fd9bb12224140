import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { beforeEach, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { mountHung } from "../hung-file-system.ts";

describe("a source of mounts whose server does not answer", () => {
  const { engine, berth } = useEngine(/ENOTCONN: socket is not connected/);
  let share = "";
  beforeEach(() => {
    share = join(engine.folder, "share");
    mkdirSync(join(share, "data"), { recursive: true });
  });

  /** How many of the daemon's threads sleep in the kernel where only a fatal signal wakes them. */
  function sleepers(): number {
    const tasks = `/proc/${engine.pid()}/task`;
    return readdirSync(tasks).filter((task) => /\) D /.test(statOf(`${tasks}/${task}/stat`))).length;
  }

  const statOf = (path: string) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  };

  const untilAsleep = (most: number) => eventually(sleepers, (count) => count >= most);
  const bindVolume = (name: string, device: string) =>
    berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${device}`, name);

  it("holds up its own containers alone: not the engine, and not the others' files", async () => {
    const near = join(engine.folder, "near");
    mkdirSync(near);
    symlinkSync(share, join(near, "link"));
    await bindVolume("far", share);
    await berth("create", "--name", "mounting", "-v", "far:/far:nocopy", "busybox", "true");
    await berth("create", "--name", "reading", "-v", `${share}/:/far`, "busybox", "true");
    const waiting: Promise<unknown>[] = [];
    let settled = 0;
    const wait = (...words: string[]) => waiting.push(engine.berth(words).finally(() => settled++));
    {
      using _ = mountHung(share);
      for (const source of [share, `${share}/a`, `${share}/b`, `${near}/link`, `${near}/link/c`])
        wait("create", "-v", `${source}:/x`, "busybox", "true");
      wait("start", "mounting");
      for (let n = 0; n < 5; n++) wait("cp", "reading:/far/file", "-");
      // Four that look at sources, and two that look into the container.
      await untilAsleep(6);
      for (let round = 0; round < 3; round++) {
        assert.match(await berth("ps", "-a"), /reading/);
        assert.equal(await berth("run", "--rm", "-v", `${near}:/n`, "busybox", "echo", "works"), "works");
        await berth("run", "--name", "other", "busybox", "touch", "/file");
        assert.match(await berth("diff", "other"), /A \/file/);
        await berth("rm", "other");
      }
      assert.equal(settled, 0);
    }
    await Promise.all(waiting);
    await berth("rm", "-f", ...(await berth("ps", "-aq")).split("\n"));
    await berth("volume", "rm", "far");
  });

  /** A client that waits for a container to be made, until it is called. */
  function startCreate(name: string, HostConfig: object): () => Promise<void> {
    const call = request({
      socketPath: join(engine.execRoot, "berth.sock"),
      method: "POST",
      path: `/containers/create?name=${name}`,
      headers: { "Content-Type": "application/json" },
      agent: false,
    });
    call.end(JSON.stringify({ Image: "busybox", HostConfig }));
    const gone = once(call, "error");
    return async () => {
      call.destroy(new Error("enough"));
      await gone;
    };
  }

  it("keeps neither the name nor the volumes of a container whose client no longer waits", async () => {
    await berth("create", "--name", "giver", "-v", "given:/given", "busybox");
    {
      using _ = mountHung(share);
      const leave = startCreate("left", { Binds: [`${share}:/x`], VolumesFrom: ["giver"] });
      await untilAsleep(1);
      await berth("rm", "giver");
      assert.match((await engine.berth(["volume", "rm", "given"])).stderr, /volume is in use/);
      await leave();
      await eventually(
        () => engine.berth(["volume", "rm", "given"]),
        ({ code }) => code === 0,
      );
      await berth("create", "--name", "left", "busybox");
      await berth("rm", "left");
    }
  });

  it("keeps no name of a container whose client left while a volume was filled there", async () => {
    await bindVolume("far", share);
    {
      using _ = mountHung(share);
      const leave = startCreate("left", { Binds: ["far:/etc", "/anonymous"] });
      await untilAsleep(1);
      await leave();
      await eventually(
        () => engine.berth(["create", "--name", "left", "busybox"]),
        ({ code }) => code === 0,
      );
      assert.equal(await berth("volume", "ls", "-q"), "far");
      assert.match((await engine.berth(["volume", "rm", "far"])).stderr, /volume is being copied/);
      await berth("rm", "left");
    }
    await eventually(
      () => engine.berth(["volume", "rm", "far"]),
      ({ code }) => code === 0,
    );
  });

  it("holds up the engine's end no longer than a while, with what looks at it and what mounts it", async () => {
    await bindVolume("far", share);
    await bindVolume("deep", join(share, "data"));
    await berth("create", "--name", "looking", "-v", "far:/far:nocopy", "busybox", "true");
    await berth("create", "--name", "mounting", "-v", "deep:/deep:nocopy", "busybox", "true");
    {
      using _ = mountHung(share);
      const words = [
        ["start", "looking"],
        ["start", "mounting"],
        ["create", "-v", "far:/home", "busybox"],
      ];
      const waiting = words.map((line) => engine.berth(line));
      await untilAsleep(3);
      await engine.restart("SIGTERM");
      for (const { code } of await Promise.all(waiting)) assert.notEqual(code, 0);
      const states = berth("inspect", "-f", "{{.State.Status}} {{.State.Error}}", "looking", "mounting");
      for (const state of (await states).split("\n"))
        assert.match(state, /^created .*the engine is shutting down$/);
    }
    await berth("rm", "looking", "mounting");
    await berth("volume", "rm", "far", "deep");
  });

  it("is what a create tells of that fails for it, also when not all of it can be removed", async () => {
    await bindVolume("far", share);
    const folders = join(engine.root, "containers");
    let made: Promise<{ code: number; stderr: string }>;
    let mounted: string;
    {
      using _ = mountHung(share);
      made = engine.berth(["create", "-v", "/anonymous", "-v", "far:/etc", "busybox"]);
      await untilAsleep(1);
      const [folder = "", ...others] = readdirSync(folders);
      assert.deepEqual(others, []);
      mounted = join(folders, folder, "mounted");
      mkdirSync(mounted);
      execFileSync("mount", ["-t", "tmpfs", "tmpfs", mounted]);
    }
    try {
      const { code, stderr } = await made;
      assert.notEqual(code, 0);
      assert.match(stderr, /ENOTCONN/);
      assert.equal(await berth("volume", "ls", "-q"), "far");
    } finally {
      execFileSync("umount", [mounted]);
      rmSync(join(mounted, ".."), { recursive: true });
    }
    await berth("volume", "rm", "far");
  });
});
