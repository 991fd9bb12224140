import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, test } from "node:test";
import { createFlags } from "../../src/cli/container/create-flags.ts";
import { json, serve, type TestServer } from "../client/server.ts";
import { home, runBerth, startBerth } from "./berth.ts";

let server: TestServer | undefined;
afterEach(async () => {
  await server?.close();
  server = undefined;
});

const digest = `sha256:${"a".repeat(64)}`;

test("a digest is not pushed, and neither is the latest in its stead", async () => {
  server = await serve((_request, response) => json(response, 200, {}));
  const push = async (...words: string[]) => {
    const { code, stdout, stderr } = await runBerth(server?.host ?? "", ["push", ...words]);
    return `${code} ${stdout}${stderr}`;
  };
  assert.equal(await push(`app@${digest}`), "1 cannot push a digest reference\n");
  assert.equal(await push(`app:1@${digest}`), "1 cannot push a digest reference\n");
  assert.equal(await push("-a", `app@${digest}`), "1 tag can't be used with --all-tags/-a\n");
  assert.deepEqual(server.requests, []);
});

test("a broken credential helper stops no pull and no search of what is public", async () => {
  server = await serve((request, response) => json(response, 200, request.url?.includes("search") ? [] : {}));
  writeFileSync(path.join(home, "config.json"), JSON.stringify({ credsStore: "missing" }));
  for (const words of [
    ["pull", "-q", "app:1"],
    ["search", "app"],
  ]) {
    const { code, stderr } = await runBerth(server.host, words, { DOCKER_CONFIG: home });
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /^WARNING: .*docker-credential-missing cannot be run.*; going on without a login\.\n$/,
    );
    assert.equal(server.requests.at(-1)?.headers["x-registry-auth"], undefined);
  }
  const push = await runBerth(server.host, ["push", "app:1"], { DOCKER_CONFIG: home });
  assert.equal(push.code, 1);
  assert.match(push.stderr, /^error getting credentials/);
});

test("an empty filter filters nothing", async () => {
  server = await serve((_request, response) => json(response, 200, []));
  const { code, stderr } = await runBerth(server.host, ["ps", "-q", "-f", "", "-f", "label=a"]);
  assert.equal(code, 0, stderr);
  const query = new URL(server.requests.at(-1)?.url ?? "", "http://engine").searchParams;
  assert.deepEqual(JSON.parse(query.get("filters") ?? ""), { label: ["a"] });
  await runBerth(server.host, ["ps", "-q", "-f", ""]);
  assert.equal(new URL(server.requests.at(-1)?.url ?? "", "http://engine").searchParams.get("filters"), null);
});

test("a row that comes out empty is a line, and no row is none", async () => {
  const networks = [{ Name: "net", Id: "n1", Labels: {} }];
  server = await serve((_request, response) => json(response, 200, networks));
  const list = () => runBerth(server?.host ?? "", ["network", "ls", "--format", '{{.Label "none"}}']);
  assert.equal((await list()).stdout, "\n");
  networks.pop();
  assert.equal((await list()).stdout, "");
});

test("a command whose output has no reader any more ends as SIGPIPE ends docker, without a word", async () => {
  server = await serve((request, response) => {
    if (request.method === "GET") json(response, 200, [{ Name: "net", Id: "n1", Labels: {} }]);
    else response.writeHead(204).end();
  });
  for (const words of [
    ["network", "ls"],
    ["rm", "one", "two"],
    ["save", "busybox"],
  ]) {
    const child = startBerth(server.host, words);
    child.stdout.destroy();
    const [[code], said] = await Promise.all([once(child, "close"), text(child.stderr)]);
    assert.deepEqual([code, said], [141, ""], words.join(" "));
  }
});

test("version and info name the context that counts, and info says whether --debug is on", async () => {
  server = await serve((_request, response) => json(response, 200, { Version: "1", ApiVersion: "1.44" }));
  const env = { DOCKER_CONFIG: path.join(home, "contexts"), BERTH_HOST: "" };
  const run = async (...words: string[]) => (await runBerth("", words, env)).stdout;
  await run("context", "create", "near", "--docker", `host=${server.host}`);
  assert.match(await run("-c", "near", "version"), /^ Context: {11}near$/m);
  assert.equal(await run("-c", "near", "version", "-f", "{{.Client.Context}}"), "near\n");
  const format = "{{.ClientInfo.Context}} {{.ClientInfo.Debug}}";
  assert.equal(await run("-c", "near", "info", "-f", format), "near false\n");
  assert.equal(await run("-D", "-c", "near", "info", "-f", format), "near true\n");
});

test("what flags are for is said in words, not in names of the program", () => {
  for (const { help } of Object.values(createFlags)) assert.doesNotMatch(help, /[a-z][A-Z][a-z]/);
});
