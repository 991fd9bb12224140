import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { makeDockerArchive, makeTar } from "../images/fixtures.ts";

const program = existsSync("/usr/bin/busybox") ? "/usr/bin/busybox" : "/bin/busybox";

describe("an image that was made to attack", () => {
  const { engine, berth } = useEngine();

  /** Loads an image of busybox with this container config. */
  async function load(tag: string, config: object): Promise<void> {
    const tar = makeTar([
      { name: "bin/" },
      { name: "bin/busybox", data: readFileSync(program), mode: 0o755 },
    ]);
    const path = `${engine.folder}/${tag}.tar`;
    writeFileSync(
      path,
      makeDockerArchive([{ layers: [{ tar }], tags: [`${tag}:latest`], config: { config } }]),
    );
    await berth("load", "-i", path);
  }

  it("gets an anonymous volume at the literal path, whatever its volumes look like", async () => {
    const secret = `${engine.folder}/secret`;
    mkdirSync(secret);
    writeFileSync(`${secret}/file`, "of the host");
    await berth("volume", "create", "others");
    const keys = [
      `${secret}:/loot`,
      `${secret}:/loot:rshared`,
      "others:/loot",
      "/data:ro",
      "a:b:c:d",
      "relative",
      "/a//b/../c/",
    ];
    const volumes = Object.fromEntries(keys.map((key) => [key, {}]));
    await load("grabber", { Cmd: ["/bin/busybox", "sleep", "1000"], Volumes: volumes });
    const id = await berth("run", "-d", "grabber");
    const { body } = await engine.api("GET", `/containers/${id}/json`);
    const { Mounts, Config } = JSON.parse(body);
    const destinations = Mounts.map((mount: { Destination: string }) => mount.Destination).sort();
    const right = ["/a/c", "/a:b:c:d", "/data:ro", "/others:/loot", "/relative"];
    assert.deepEqual(destinations, [...right, `${secret}:/loot`, `${secret}:/loot:rshared`].sort());
    assert.deepEqual(Config.Volumes, volumes);
    for (const { Type, Name, RW } of Mounts) {
      assert.equal(Type, "volume");
      assert.match(Name, /^[0-9a-f]{64}$/);
      assert.equal(RW, true);
    }
    const seen = await engine.berth(["exec", id, "/bin/busybox", "ls", "/loot"]);
    assert.match(seen.stderr, /\/loot: No such file or directory/);
    assert.equal(await berth("exec", id, "/bin/busybox", "ls", `${secret}:/loot`), "");
    await berth("rm", "-f", "-v", id);
    assert.equal(await berth("volume", "ls", "-q"), "others");
    await berth("volume", "rm", "others");
  });
});
