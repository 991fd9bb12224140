import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { afterEach, test } from "node:test";
import { json, serve, type TestServer } from "../client/server.ts";
import { runBerth } from "./berth.ts";

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const names = ["one", "two", "three"];
const nameOf = (url = "") => names.find((name) => url.includes(`/${name}`)) ?? "";

for (const words of [["stop"], ["kill"], ["pause"], ["unpause"], ["rm"], ["rm", "-f"]]) {
  test(`${words.join(" ")} is under way with all containers at once, and prints them in their order`, async () => {
    const waiting: [string, ServerResponse][] = [];
    server = await serve(({ url }, response) => {
      if (nameOf(url) === "") return json(response, 200, {});
      waiting.push([nameOf(url), response]);
      // No answer comes before all have been asked for, and the last one's comes first.
      if (waiting.length < names.length) return;
      for (const [name, one] of waiting.reverse())
        if (name === "one") json(one, 409, { message: "one is busy" });
        else one.writeHead(204).end();
    });
    const { code, stdout, stderr } = await runBerth(server.host, [...words, ...names]);
    assert.equal(stdout, "two\nthree\n");
    assert.equal(stderr, "Error response from daemon: one is busy\n");
    assert.equal(code, 1);
  });
}

test("restart goes from one container to the next", async () => {
  const open = new Set<string>();
  server = await serve(({ url }, response) => {
    open.add(nameOf(url));
    setImmediate(() => {
      assert.equal(open.size, 1);
      open.clear();
      response.writeHead(204).end();
    });
  });
  const { code, stdout } = await runBerth(server.host, ["restart", ...names]);
  assert.deepEqual([code, stdout], [0, "one\ntwo\nthree\n"]);
});

test("a connection that is lost leaves out nothing of what has become of the others", async () => {
  let asked = 0;
  server = await serve(({ url }, response) => {
    if (nameOf(url) === "") return json(response, 200, {});
    const answer = () => (nameOf(url) === "one" ? response.destroy() : response.writeHead(204).end());
    // All are under way by then, and that one is lost first.
    if (++asked === names.length) for (const late of waiting.splice(0)) late();
    if (asked === names.length) return void answer();
    waiting.push(answer);
  });
  const waiting: (() => void)[] = [];
  const { code, stdout, stderr } = await runBerth(server.host, ["kill", ...names]);
  assert.deepEqual([code, stdout], [1, "two\nthree\n"]);
  assert.match(stderr, /^[^\n]+\n$/);
});

test("without a daemon one error says so", async () => {
  const { code, stderr } = await runBerth("unix:///nowhere/berth.sock", ["kill", ...names]);
  assert.equal(code, 1);
  assert.match(stderr, /^Cannot connect to the Docker daemon at [^\n]*\n$/);
});
