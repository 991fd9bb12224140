import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { makeDockerArchive, makeTar } from "../images/fixtures.ts";

describe("images that were committed from others", () => {
  const { engine, berth } = useEngine();

  const list = async (query: string): Promise<string[]> => {
    const { body } = await engine.api("GET", `/images/json${query}`);
    return JSON.parse(body).map(({ Id }: { Id: string }) => Id);
  };
  const filter = (filters: object) => `filters=${encodeURIComponent(JSON.stringify(filters))}`;

  it("hide the steps without a name on the way to them, but for those who ask for all", async () => {
    await berth("run", "--name", "one", "busybox", "touch", "/one");
    const step = await berth("commit", "one");
    await berth("run", "--name", "two", step, "touch", "/two");
    const top = await berth("commit", "two", "top");
    await berth("run", "--name", "three", "busybox", "touch", "/three");
    const loose = await berth("commit", "three");
    const [busybox] = await list(`?${filter({ reference: ["busybox"] })}`);
    assert.deepEqual((await list("")).sort(), [busybox, loose, top].sort());
    assert.deepEqual((await list("?all=1")).sort(), [busybox, loose, step, top].sort());
    assert.deepEqual(await list(`?${filter({ dangling: ["true"] })}`), [loose]);
    assert.deepEqual((await list(`?${filter({ dangling: ["false"] })}`)).sort(), [busybox, top].sort());
  });

  it("are ancestors of containers by what they were committed from, not by the layers they happen to have", async () => {
    const ancestor = async (image: string) =>
      (await berth("ps", "-a", "--filter", `ancestor=${image}`, "--format", "{{.Names}}")).split("\n").sort();
    await berth("save", "-o", `${engine.folder}/top.tar`, "top");
    await berth("create", "--name", "four", "top", "true");
    assert.deepEqual(await ancestor("busybox"), ["four", "one", "three", "two"]);
    assert.deepEqual(await ancestor("top"), ["four"]);
    await berth("rm", "-f", "one", "two", "four");
    await berth("rmi", "top");
    // Without the images that it was committed from it comes back as one of nobody.
    await berth("load", "-i", `${engine.folder}/top.tar`);
    await berth("create", "--name", "five", "top", "true");
    assert.deepEqual(await ancestor("busybox"), ["three"]);
    assert.deepEqual(await ancestor("nosuch"), [""]);
    await berth("rm", "three", "five");
  });

  it("have all layers of a container whose image was removed, and run", async () => {
    await berth("run", "--name", "base", "busybox", "sh", "-c", "echo base > /base; rm -r /home");
    await berth("commit", "base", "gone:1");
    await berth("create", "--name", "left", "gone:1", "sh", "-c", "echo own > /own; echo more >> /base");
    await berth("rmi", "-f", "gone:1");
    await berth("start", "-a", "left");
    await berth("commit", "left", "whole:1");
    await berth("rm", "base", "left");
    const shown = await berth(
      "run",
      "--rm",
      "whole:1",
      "sh",
      "-c",
      "cat /base /own; ls -d /home /bin/sh 2>/dev/null || true",
    );
    assert.equal(shown, "base\nmore\nown\n/bin/sh");
    await berth("rmi", "whole:1");
  });

  it("come with a line for each layer only when a client asks for that", async () => {
    const layers = (name: string) => [{ tar: makeTar([{ name, data: name }]) }];
    for (const [query, hasLayers] of [
      ["", false],
      ["?quiet=1", false],
      ["?quiet=0", true],
    ] as const) {
      const tags = ["loaded:1"];
      const archive = makeDockerArchive([{ layers: layers(`of${query}`), tags }]).toString("latin1");
      const { body } = await engine.api("POST", `/images/load${query}`, archive);
      assert.match(body, /Loaded image: loaded:1/);
      assert.equal(/Loading layer/.test(body), hasLayers, body);
    }
    await berth("rmi", "loaded:1");
    await berth("image", "prune", "--force");
  });

  it("are told of what cannot be loaded in a line of a good answer", async () => {
    const { status, body } = await engine.api("POST", "/images/load", "this is no archive");
    assert.equal(status, 200);
    const { errorDetail, error } = JSON.parse(body);
    assert.deepEqual(errorDetail, { message: error });
    const { code, stderr } = await engine.berth(["load"], { input: "this is no archive" });
    assert.deepEqual([code, stderr.includes(error)], [1, true], stderr);
  });

  it("are not run when they are of another operating system", async () => {
    await berth("create", "--name", "files", "busybox", "true");
    const { stdout } = await engine.berth(["export", "files"]);
    const imported = await engine.berth(["import", "--platform", "windows/amd64", "-", "strange"], {
      input: stdout,
    });
    assert.notEqual(imported.code, 0, imported.stdout);
    assert.match(imported.stderr, /windows/);
    await berth("rm", "files");
  });
});
