import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, beforeEach, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";
import { useDocker } from "./docker-client.ts";

describe("what a build fetches through a proxy", async () => {
  /** Hosts that the engine's git wants to be led to. */
  let wanted: (string | undefined)[] = [];
  const proxy = createServer().on("connect", ({ url }, socket) => {
    wanted.push(url);
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const { port } = proxy.address() as AddressInfo;
  const { engine } = useEngine(undefined, ["--https-proxy", `http://127.0.0.1:${port}`]);
  const { context, run } = useDocker(engine);
  // Later ones of buildx refuse such an address themselves: "unknown protocol".
  const earlier = stockDockers.find((program) => program.includes("/trixie/"));
  const { run: runEarlier } = useDocker(engine, earlier);
  beforeEach(() => {
    wanted = [];
  });
  after(() => void proxy.close());

  it("are contexts without a scheme, which are GitHub's, for each kind of client", async () => {
    const address = "github.com/owner/name#main:dir";
    const fetched = /failed to fetch remote https:\/\/github\.com\/owner\/name/;
    if (earlier) assert.match((await runEarlier("build", address)).stderr, fetched);
    const own = await engine.berth(["build", address]);
    assert.match(own.stderr, fetched);
    const classic = await engine.api("POST", `/build?${new URLSearchParams({ remote: address })}`);
    assert.match(classic.body, fetched);
    assert.deepEqual(wanted, Array(earlier ? 3 : 2).fill("github.com:443"));
  });

  it("are files of the web", async () => {
    const place = context("far", { Dockerfile: "FROM scratch\nADD https://example.com/file /\n" });
    const built = await run("build", place);
    assert.match(built.stderr, /failed to load https:\/\/example\.com\/file/);
    assert.deepEqual(wanted, ["example.com:443"]);
  });

  it("is not what looks so in a Dockerfile, and is a path", async () => {
    const files = {
      Dockerfile: "FROM scratch\nADD github.com/owner/name /\n",
      "github.com/owner/name": "here",
    };
    const built = await run("build", context("path", files));
    assert.equal(built.code, 0, built.stderr);
    assert.deepEqual(wanted, []);
  });
});
