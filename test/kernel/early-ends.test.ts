import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { eventually, useEngine } from "../engine.ts";
import { head, openRaw } from "../raw-connection.ts";

describe("a connection that ends while nothing listens to it yet", () => {
  const { engine, berth } = useEngine();
  const stillServes = async () => assert.equal((await engine.api("GET", "/_ping")).status, 200);

  it("is nothing to the engine when it is a client's, whose log is being read before it is attached", async () => {
    await berth("run", "-d", "--name", "long", "busybox", "sh", "-c", "seq 1 400000; sleep 1000");
    await eventually(
      () => berth("logs", "--tail", "1", "long"),
      (last) => last === "400000",
    );
    const path = "/containers/long/attach?logs=1&stream=1&stdin=1&stdout=1";
    const client = await openRaw(engine, head("POST", path, ["Transfer-Encoding: chunked"]));
    client.socket.pause();
    await pause(500);
    client.socket.destroy();
    await pause(500);
    await stillServes();
    await berth("rm", "-f", "long");
  });

  it("is nothing to the engine when it is that of an archive whose import is refused", async () => {
    const server = createServer((_, answer) => void answer.write("the beginning of an archive"));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const from = encodeURIComponent(`http://127.0.0.1:${port}/archive.tar`);
    for (const wrong of ["repo=UPPER", "repo=fine&changes=NOSUCH%20x"]) {
      const refused = await engine.api("POST", `/images/create?fromSrc=${from}&${wrong}`);
      assert.match(refused.body, /error|invalid|must be lowercase|unknown/i);
      await eventually(
        () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count))),
        (count) => count === 0,
      );
      await stillServes();
    }
    const answered = engine.api("POST", `/images/create?fromSrc=${from}&repo=broken`);
    await once(server, "request");
    server.closeAllConnections();
    assert.match((await answered).body, /error|terminated|closed/i);
    await stillServes();
    server.close();
  });
});
