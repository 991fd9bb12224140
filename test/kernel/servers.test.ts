import assert from "node:assert/strict";
import { get } from "node:http";
import { connect } from "node:net";
import { after, before, describe, it } from "node:test";
import { debianTree } from "../debian-tree.ts";
import { eventually, output, startEngine, type TestEngine } from "../engine.ts";

/** Debian's own servers in containers, as people run them: their users, their logs on /dev/stdout, their data in volumes. */
describe("real servers", () => {
  let engine: TestEngine;
  const berth = (...words: string[]) => output(engine.berth, words);
  before(async () => {
    const archive = await debianTree();
    engine = await startEngine();
    assert.match(
      (await engine.berth(["import", archive, "servers"], { timeoutSeconds: 120 })).stdout,
      /^sha256:/,
    );
  });
  after(() => engine?.stop());

  const portOf = async (name: string, port: string) =>
    Number((await berth("port", name, port)).split("\n")[0]?.split(":").at(-1));

  it("nginx serves a page and logs to standard output as another user", async () => {
    const config =
      "daemon off; events {} http { access_log /dev/stdout; error_log /dev/stderr; server { listen 80; root /www; } }";
    await berth(
      "run",
      "-d",
      "--name",
      "web",
      "-p",
      "127.0.0.1:0:80",
      "--tmpfs",
      "/www",
      "servers",
      "sh",
      "-c",
      `echo page >/www/index.html; echo '${config}' >/etc/nginx/nginx.conf; exec nginx`,
    );
    const port = await portOf("web", "80");
    const fetchPage = () =>
      new Promise<string>((resolve) => {
        get(`http://127.0.0.1:${port}/`, { agent: false }, (response) => {
          let text = "";
          response.on("data", (chunk) => {
            text += chunk;
          });
          response.on("end", () => resolve(text));
        }).on("error", (error) => resolve(error.message));
      });
    await eventually(fetchPage, (text) => text === "page\n");
    await eventually(
      () => berth("logs", "web"),
      (text) => text.includes('"GET / HTTP/1.1" 200'),
    );
    assert.match(await berth("top", "web"), /nginx: master[\s\S]*nginx: worker/);
    await berth("stop", "web");
    assert.equal(await berth("inspect", "-f", "{{.State.ExitCode}}", "web"), "0");
    await berth("rm", "web");
  });

  it("redis keeps its data in a volume across containers, and answers through a published port", async () => {
    const start = () =>
      berth(
        "run",
        "-d",
        "--name",
        "cache",
        "-p",
        "127.0.0.1:0:6379",
        "-v",
        "cache:/data",
        "-w",
        "/data",
        "-u",
        "redis",
        "servers",
        "redis-server",
        "--bind",
        "0.0.0.0",
        "--protected-mode",
        "no",
        "--appendonly",
        "yes",
      );
    const ask = async (command: string) => {
      const port = await portOf("cache", "6379");
      return new Promise<string>((resolve) => {
        const socket = connect(port, "127.0.0.1", () => socket.write(`${command}\r\n`));
        socket.once("data", (bytes) => {
          resolve(bytes.toString().trim());
          socket.destroy();
        });
        socket.once("error", (error) => resolve(error.message));
      });
    };
    await berth("run", "--rm", "-v", "cache:/data", "servers", "chown", "redis", "/data");
    await start();
    await eventually(
      () => ask("PING"),
      (answer) => answer === "+PONG",
    );
    assert.equal(await ask("SET key kept"), "+OK");
    await berth("stop", "cache");
    await berth("rm", "cache");
    await start();
    await eventually(
      () => ask("GET key"),
      (answer) => answer.includes("kept"),
    );
    await berth("rm", "-f", "cache");
    await berth("volume", "rm", "cache");
  });

  it("PostgreSQL survives a killed daemon with its connections and comes back clean after a stop", async () => {
    const script =
      "initdb=$(ls /usr/lib/postgresql/*/bin/initdb); [ -e /db/data/PG_VERSION ] || $initdb -D /db/data -A trust >/dev/null; exec $(dirname $initdb)/postgres -D /db/data -k /tmp";
    await berth("run", "--rm", "-v", "db:/db", "servers", "chown", "postgres", "/db");
    const start = () =>
      berth(
        "run",
        "-d",
        "--name",
        "db",
        "-u",
        "postgres",
        "-v",
        "db:/db",
        "--shm-size",
        "128m",
        "-m",
        "512m",
        "servers",
        "sh",
        "-c",
        script,
      );
    const sql = (query: string) =>
      engine.berth(["exec", "-u", "postgres", "db", "psql", "-h", "/tmp", "-Atc", query]);
    await start();
    await eventually(
      () => sql("select 1"),
      ({ stdout }) => stdout === "1\n",
    );
    assert.equal((await sql("create table t as select generate_series(1, 100000) as n")).code, 0);
    await engine.restart("SIGKILL");
    assert.equal((await sql("select sum(n) from t")).stdout, "5000050000\n");
    await berth("stop", "-t", "30", "db");
    assert.equal(await berth("inspect", "-f", "{{.State.ExitCode}}", "db"), "0");
    await berth("start", "db");
    await eventually(
      () => sql("select count(*) from t"),
      ({ stdout }) => stdout === "100000\n",
    );
    assert.doesNotMatch(await output(engine.berth, ["logs", "db"]), /was not properly shut down/);
    await berth("rm", "-f", "db");
    await berth("volume", "rm", "db");
  });
});
