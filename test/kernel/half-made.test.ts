import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { mountHung } from "../hung-file-system.ts";

describe("a container that is being made", () => {
  const { engine, berth } = useEngine();
  const create = (name: string, HostConfig: object) =>
    engine.api("POST", `/containers/create?name=${name}`, { Image: "busybox", Cmd: ["true"], HostConfig });

  it("is there for none until it is made, and keeps its name and its volumes meanwhile", async () => {
    const share = join(engine.folder, "share");
    mkdirSync(share);
    await berth("volume", "create", "before");
    let making: ReturnType<typeof create>;
    let other: typeof making;
    {
      // It waits for this source after it has made its volumes.
      using _ = mountHung(share);
      making = create("busy", { Binds: ["before:/b", "made:/m", `${share}/far:/far`] });
      const names = () => berth("volume", "ls", "-q");
      await eventually(names, (listed) => listed.includes("made"));
      const second = await create("busy", {});
      assert.equal(second.status, 409);
      const [, id] =
        /^Conflict\. The container name "\/busy" is already in use by container "(\w{64})"\. You have to remove \(or rename\) that container to be able to reuse that name\.$/.exec(
          JSON.parse(second.body).message,
        ) ?? assert.fail(second.body);
      assert.equal(await berth("ps", "-aq"), "");
      for (const path of [id, "busy"])
        assert.equal((await engine.api("DELETE", `/containers/${path}?force=1`)).status, 404);
      await berth("container", "prune", "-f");
      await berth("volume", "prune", "-f", "-a");
      assert.equal(await names(), "before\nmade");
      const refused = await engine.api("DELETE", "/volumes/made");
      assert.deepEqual(
        [refused.status, JSON.parse(refused.body).message],
        [409, `remove made: volume is in use - [${id}]`],
      );
      await berth("run", "--name", "taker", "-v", "made:/m", "busybox", "touch", "/m/file");
      other = create("other", { Binds: ["made:/m", `${share}/far:/far`] });
      await eventually(
        () => engine.api("DELETE", "/volumes/made"),
        ({ body }) => (body.match(/\w{64}/g) ?? []).length === 3,
      );
    }
    const { status, body } = await making;
    assert.equal(status, 500, body);
    assert.match(body, /ENOTCONN/);
    // Its source may be there again by the time that it looks.
    if ((await other).status === 201) await berth("rm", "other");
    // Another has put something into it.
    assert.equal(await berth("volume", "ls", "-q"), "before\nmade");
    assert.match(await berth("run", "--rm", "--volumes-from", "taker", "busybox", "ls", "/m"), /file/);
    await berth("rm", "taker");
    // What is left of it keeps nothing.
    assert.equal((await create("busy", { Binds: ["before:/b"] })).status, 201);
    await berth("rm", "busy");
    await berth("volume", "prune", "-f", "-a");
    assert.equal(await berth("volume", "ls", "-q"), "");
    await berth("rmi", "busybox");
    await berth("image", "make", "busybox");
  });

  it("is no leftover to the check, which lets it have its folder and its layers", async () => {
    const share = join(engine.folder, "full");
    mkdirSync(join(share, "data"), { recursive: true });
    await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${share}/data`, "far");
    const folder = join(engine.root, "containers");
    let making: ReturnType<typeof create>;
    {
      // It waits for this volume, which it is to fill, after it has made its folder.
      using _ = mountHung(share);
      making = create("filling", { Binds: ["far:/bin"] });
      const [id = ""] = await eventually(
        () => readdirSync(folder),
        (ids) => ids.length === 1,
      );
      const { body } = await engine.api("POST", "/berth/system/repair");
      assert.deepEqual(JSON.parse(body), []);
      assert.ok(existsSync(join(folder, id)));
    }
    await making;
    await berth("rm", "-f", "filling").catch(() => {});
    await berth("volume", "rm", "far");
    assert.deepEqual(readdirSync(folder), []);
  });

  it("is the only one of its name, however many are made at once", async () => {
    const answers = await Promise.all(Array.from({ length: 6 }, () => create("one", {})));
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409]);
    await berth("rm", "one");
  });
});
