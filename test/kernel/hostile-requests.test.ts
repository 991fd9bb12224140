import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

const message = (body: string): string => JSON.parse(body).message;

describe("a request that was made to attack", () => {
  const { engine, berth } = useEngine();
  const list = (path: string, filters: object) =>
    engine.api("GET", `${path}?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`);

  it("cannot hold up the engine with an expression or a pattern that backtracks", async () => {
    await berth("create", "--name", "a".repeat(200), "busybox");
    await berth("tag", "busybox", "a".repeat(100));
    for (const [path, filters] of [
      ["/containers/json", { name: ["^/?(a+)+$", "(a|a)*b", "(.*.*)*x$"] }],
      ["/images/json", { reference: [`${"*a".repeat(50)}b`, "*".repeat(1000)] }],
      ["/volumes", { name: ["(a*)*b"] }],
      ["/networks", { name: ["(a*)*b"], id: ["([0-9a-f]+)+z"] }],
    ] as const) {
      const { status, body } = await list(path, filters);
      assert.equal(status, 200, body);
    }
    const large = await list("/containers/json", { name: ["x{2,1000}".repeat(20)] });
    assert.equal(large.status, 400);
    assert.match(message(large.body), /expression is too large/);
    const malformed = await list("/images/json", { reference: ["["] });
    assert.equal(message(malformed.body), "syntax error in pattern");
    await berth("rm", "a".repeat(200));
    await berth("rmi", "a".repeat(100));
  });

  it("finds no label and no name that every object of the language has", async () => {
    await berth("volume", "create", "kept");
    const words = ["constructor", "toString", "valueOf", "hasOwnProperty"];
    for (const word of words) {
      await berth("volume", "prune", "-a", "-f", "--filter", `label=${word}`);
      await berth("network", "create", word);
      await berth("create", "--name", word, "busybox");
      const { body } = await engine.api("GET", `/networks/${word}`);
      assert.deepEqual(JSON.parse(body).Containers, {});
      const runtime = { Image: "busybox", HostConfig: { Runtime: word } };
      const refused = await engine.api("POST", "/containers/create", runtime);
      assert.equal(message(refused.body), `unknown or invalid runtime name: ${word}`);
    }
    assert.equal(await berth("volume", "ls", "-q"), "kept");
    assert.equal(await berth("ps", "-aq", "--filter", "label=constructor"), "");
    await berth("run", "-d", "--name", "on", "--network", "constructor", "busybox", "sleep", "100");
    const { body } = await engine.api("GET", "/networks/constructor");
    assert.equal(Object.keys(JSON.parse(body).Containers).length, 1);
    assert.equal(
      Object.keys(JSON.parse((await engine.api("GET", "/networks/toString")).body).Containers).length,
      0,
    );
    await berth("rm", "-f", "on", ...words);
    await berth("network", "rm", ...words);
    await berth("volume", "rm", "kept");
  });
});
