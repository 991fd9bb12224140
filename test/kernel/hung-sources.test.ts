import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { mountHung } from "../hung-file-system.ts";

describe("a source of mounts whose server does not answer", () => {
  const { engine, berth } = useEngine(/ENOTCONN: socket is not connected, fstat/);

  it("holds up its own containers alone: not the engine, and not the others' files", async () => {
    const [share, near] = [join(engine.folder, "share"), join(engine.folder, "near")];
    mkdirSync(share);
    mkdirSync(near);
    symlinkSync(share, join(near, "link"));
    await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${share}`, "far");
    await berth("create", "--name", "mounting", "-v", "far:/far:nocopy", "busybox", "true");
    await berth("create", "--name", "reading", "-v", `${share}/:/far`, "busybox", "true");
    const waiting: Promise<unknown>[] = [];
    {
      using _ = mountHung(share);
      for (const source of [share, `${share}/a`, `${share}/b`, `${near}/link`, `${near}/link/c`])
        waiting.push(engine.berth(["create", "-v", `${source}:/x`, "busybox", "true"]));
      waiting.push(engine.berth(["start", "mounting"]));
      for (let n = 0; n < 5; n++) waiting.push(engine.berth(["cp", "reading:/far/file", "-"]));
      await eventually(
        () => engine.berth(["inspect", "mounting"]),
        ({ code }) => code === 0,
      );
      for (let round = 0; round < 3; round++) {
        assert.match(await berth("ps", "-a"), /reading/);
        assert.equal(await berth("run", "--rm", "-v", `${near}:/n`, "busybox", "echo", "works"), "works");
        await berth("run", "--name", "other", "busybox", "touch", "/file");
        assert.match(await berth("diff", "other"), /A \/file/);
        await berth("rm", "other");
      }
    }
    await Promise.all(waiting);
    await berth("rm", "-f", ...(await berth("ps", "-aq")).split("\n"));
    await berth("volume", "rm", "far");
  });
});
