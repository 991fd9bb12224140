import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { makeTar } from "../images/fixtures.ts";
import { useDocker } from "./docker-client.ts";

describe("what a build fetches of the web with the client's secrets", async () => {
  const { engine } = useEngine();
  const { context, runWith } = useDocker(engine);
  let asked: [host: string, path: string, authorization: string | undefined][] = [];
  const archive = makeTar([{ name: "Dockerfile", data: Buffer.from("FROM scratch\nCOPY Dockerfile /\n") }]);
  const server = createServer(({ url = "", headers }, response) => {
    asked.push([headers.host?.split(":")[0] ?? "", url, headers.authorization]);
    if (url === "/moved") response.writeHead(302, { location: `http://127.0.0.2:${port}/file` }).end();
    else response.end(url === "/archive" ? archive : "content");
  });
  let port = 0;
  before(async () => {
    await once(server.listen(0, "0.0.0.0"), "listening");
    port = (server.address() as AddressInfo).port;
  });
  after(() => void server.close());

  async function build(secrets: Record<string, string>, ...words: string[]): Promise<string> {
    asked = [];
    const given = Object.entries(secrets).map(([id, value], at) => ({ id, name: `S${at}`, value }));
    const flags = given.flatMap(({ id, name }) => ["--secret", `id=${id},env=${name}`]);
    const env = Object.fromEntries(given.map(({ name, value }) => [name, value]));
    const built = await runWith(env, "build", "--no-cache", "--progress=plain", ...flags, ...words);
    return built.code === 0 ? "" : built.stderr;
  }
  const adding = (path: string, user = "") =>
    context("adding", { Dockerfile: `FROM scratch\nADD http://${user}127.0.0.1:${port}${path} /to/\n` });

  it("goes with a token or a header for its host, which another host that it leads to gets none of", async () => {
    assert.equal(await build({ "HTTP_AUTH_TOKEN_127.0.0.1": "tok" }, adding("/moved", "u:p@")), "");
    assert.deepEqual(asked, [
      ["127.0.0.1", "/moved", "Bearer tok"],
      ["127.0.0.2", "/file", undefined],
    ]);
    assert.equal(await build({ "HTTP_AUTH_HEADER_127.0.0.1": "Custom x\n" }, adding("/file")), "");
    assert.deepEqual(asked, [["127.0.0.1", "/file", "Custom x"]]);
    const both = { "HTTP_AUTH_HEADER_127.0.0.1": "Custom x", "HTTP_AUTH_TOKEN_127.0.0.1": "tok" };
    assert.equal(await build(both, adding("/file")), "");
    assert.deepEqual(asked, [["127.0.0.1", "/file", "Bearer tok"]]);
    assert.equal(
      await build({ HTTP_AUTH_TOKEN: "tok", "HTTP_AUTH_TOKEN_127.0.0.2": "tok" }, adding("/file")),
      "",
    );
    assert.deepEqual(asked, [["127.0.0.1", "/file", undefined]]);
  });

  it("is a context too", async () => {
    const address = `http://127.0.0.1:${port}/archive`;
    assert.equal(await build({ "HTTP_AUTH_TOKEN_127.0.0.1": "tok" }, address), "");
    assert.deepEqual(asked, [["127.0.0.1", "/archive", "Bearer tok"]]);
  });

  it("is not asked for with what cannot be sent, which is not shown", async () => {
    const failed = await build({ "HTTP_AUTH_HEADER_127.0.0.1": "two\nlines" }, adding("/file"));
    assert.match(failed, /secret HTTP_AUTH_HEADER_127\.0\.0\.1 is no value of a header/);
    assert.doesNotMatch(failed, /lines/);
    assert.deepEqual(asked, []);
  });
});
