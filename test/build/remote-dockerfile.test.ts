import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { useDocker } from "./docker-client.ts";

describe("what buildx reads at an address before it builds", () => {
  const { engine, berth } = useEngine();
  const { context, run } = useDocker(engine);
  const files: Record<string, string> = {
    "/Dockerfile": "FROM busybox\nCOPY f /f\nCMD cat /f\n",
    "/bake.hcl":
      'target "default" {\n  dockerfile-inline = "FROM busybox\\nCMD echo baked"\n  tags = ["baked"]\n}\n',
    "/large": "#".repeat(3 << 20),
    "/larger": "#".repeat(5 << 20),
  };
  const server = createServer((request, response) => {
    const text = files[request.url ?? ""];
    response.writeHead(text === undefined ? 404 : 200).end(text);
  });
  let address = "";
  before(async () => {
    await berth("image", "make", "busybox");
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => server.close());

  it("is the Dockerfile", async () => {
    const place = context("place", { f: "from the context\n" });
    const built = await run(
      "build",
      "--progress",
      "plain",
      "-t",
      "remote",
      "-f",
      `${address}/Dockerfile`,
      place,
    );
    assert.equal(built.code, 0, built.stderr);
    assert.match(built.stderr, /\[internal\] load http:\S+\/Dockerfile/);
    assert.equal((await run("run", "--rm", "remote")).stdout, "from the context\n");
  });

  it("is a bake file", async () => {
    const built = await run("buildx", "bake", "--progress", "plain", `${address}/bake.hcl`);
    assert.equal(built.code, 0, built.stderr);
    assert.equal((await run("run", "--rm", "baked")).stdout, "baked\n");
  });

  it("is refused by name when it is not there, or too large", async () => {
    const place = context("place", { f: "" });
    const says = async (path: string, message: RegExp) => {
      const built = await run("build", "-f", `${address}${path}`, place);
      assert.notEqual(built.code, 0);
      assert.match(built.stderr, message);
    };
    await says("/none", /invalid response status 404/);
    await says("/large", /bigger than allowed|too large/i);
    await says("/larger", /bigger than allowed|too large/i);
  });
});
