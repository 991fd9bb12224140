import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { DatabaseSync } from "node:sqlite";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("bad input", () => {
  const { engine, berth } = useEngine(/quarantine/);
  const message = (body: string): string => JSON.parse(body).message;

  it("answers a request that is not JSON, or of the wrong shape, with 400 and a sentence", async () => {
    for (const body of [
      "{",
      "[]",
      "3",
      '{"Cmd": 3, "Image": "busybox"}',
      '{"Image":"busybox","HostConfig":{"Memory":"much"}}',
    ]) {
      const answer = await engine.api("POST", "/containers/create", body);
      assert.equal(answer.status, 400, body);
      assert.match(message(answer.body), /json|JSON/);
    }
    assert.equal((await engine.api("POST", "/containers/create", { Image: "nosuch" })).status, 404);
    assert.equal(await berth("ps", "-aq"), "");
  });

  it("answers unknown paths, versions, filters and names as Docker does", async () => {
    assert.equal((await engine.api("GET", "/nosuch")).status, 404);
    assert.match(message((await engine.api("GET", "/v1.99/info")).body), /client version 1\.99 is too new/);
    assert.match(message((await engine.api("GET", "/v1.5/info")).body), /client version 1\.5 is too old/);
    assert.equal((await engine.api("GET", "/v1.24/info")).status, 200);
    assert.equal((await engine.api("GET", '/containers/json?filters={"x":["y"]}')).status, 400);
    assert.equal((await engine.api("GET", "/containers/json?filters=x")).status, 400);
    assert.equal((await engine.api("GET", "/containers/%ff/json")).status, 400);
    assert.equal(
      (await engine.api("POST", "/containers/create?name=-bad", { Image: "busybox", Cmd: ["true"] })).status,
      400,
    );
    assert.equal((await engine.api("GET", "/swarm")).status, 503);
  });

  it("refuses to leave the host's users instead of staying with them", async () => {
    const { status, body } = await engine.api("POST", "/containers/create", {
      Image: "busybox",
      HostConfig: { UsernsMode: "private" },
    });
    assert.equal(status, 400);
    assert.match(body, /invalid user namespace mode/);
  });

  it("refuses bad values with a clear sentence and exit code 125", async () => {
    const cases: [string[], RegExp][] = [
      [["-m", "1k"], /Minimum memory limit allowed is 6MB/],
      [["--cap-add", "NOSUCH"], /NOSUCH/],
      [["--restart", "sometimes"], /restart/],
      [["--security-opt", "nosuch=1"], /security-opt/],
      [["-u", "nosuchuser"], /unable to find user nosuchuser/],
      [["--network", "nosuchnet"], /failed to set up container networking: network nosuchnet not found/],
      [["--network", "container:nosuch"], /No such container: nosuch/],
      [["--mount", "type=bind,source=/no/such/place,target=/x"], /bind source path does not exist/],
      [["-w", "relative"], /not an absolute path|invalid/],
      [["--stop-signal", "NOSUCH"], /NOSUCH/],
      [["-v", "a:b:c:d"], /invalid/],
      [["--platform", "linux/s390x", "--pull", "never"], /does not match the specified platform/],
    ];
    for (const [flags, words] of cases) {
      const result = await engine.berth(["run", "--rm", ...flags, "busybox", "true"]);
      assert.equal(result.code, 125, `${flags.join(" ")}: ${result.stderr}`);
      assert.match(result.stderr, words);
    }
    // Docker's command line takes these words for a missing command.
    const device = await engine.berth(["run", "--rm", "--device", "/dev/nosuch", "busybox", "true"]);
    assert.equal(device.code, 127);
    assert.match(
      device.stderr,
      /error gathering device information.*"\/dev\/nosuch": no such file or directory/,
    );
    const lonely = ["run", "--rm", "--network", "container:nosuch", "busybox", "true"];
    const stock = await engine.cli("docker")(lonely);
    assert.match(
      stock.stderr,
      /^docker: Error response from daemon: joining network namespace of container: No such container: nosuch/,
      "it tried to pull",
    );
    assert.equal(await berth("ps", "-aq"), "", "nothing is left of them");
  });

  it("refuses a port that is taken, by a container or by the host", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    assert.ok(address !== null && typeof address === "object");
    const taken = await engine.berth(["run", "--rm", "-p", `${address.port}:80`, "busybox", "true"]);
    assert.equal(taken.code, 125);
    assert.match(
      taken.stderr,
      /failed to set up container networking: driver failed programming .*(port is already allocated|address already in use)/,
    );
    server.close();
    assert.equal(await berth("ps", "-aq"), "");
  });

  it("goes on beside an unreadable record, and sets it aside", async () => {
    await berth("create", "--name", "healthy", "busybox", "true");
    const id = await berth("create", "--name", "corrupt", "busybox", "true");
    await engine.restart("SIGKILL");
    const database = new DatabaseSync(`${engine.root}/berth.db`);
    database.prepare("UPDATE records SET value = '{broken' WHERE key = ?").run(id);
    database.close();
    await engine.restart("SIGKILL");
    assert.equal(await berth("ps", "-a", "--format", "{{.Names}}"), "healthy");
    assert.ok(existsSync(`${engine.root}/containers/${id}/upper`), "the files of the other are kept");
    await berth("rm", "healthy");
  });

  it("refuses a second daemon on the same data root", async () => {
    const { execFile } = await import("node:child_process");
    const { fileURLToPath } = await import("node:url");
    const main = fileURLToPath(new URL("../../dist/daemon/main.js", import.meta.url));
    const text = await new Promise<string>((resolve) => {
      const words = [main, "--data-root", engine.root, "--exec-root", `${engine.folder}/second`];
      execFile(process.execPath, words, (_, __, stderr) => resolve(stderr));
    });
    assert.match(text, /another engine uses the data root/);
  });
});
