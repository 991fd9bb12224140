import assert from "node:assert/strict";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { rounds } from "../rounds.ts";

describe("archives of a container whose clients go away", () => {
  const { engine, berth } = useEngine();

  const ask = (path: string): ClientRequest => {
    const call = request({ socketPath: join(engine.execRoot, "berth.sock"), path });
    call.on("error", () => {});
    call.end();
    return call;
  };
  /** An answer of which nothing but its head is read. */
  const begin = async (path: string): Promise<IncomingMessage> => {
    const [response] = (await once(ask(path), "response")) as [IncomingMessage];
    response.on("error", () => {});
    return response;
  };
  /** Threads of the daemon that wait for somebody to read from a pipe. */
  const stranded = () => {
    const folder = `/proc/${engine.pid()}/task`;
    return readdirSync(folder).filter((thread) => {
      try {
        return readFileSync(join(folder, thread, "wchan"), "utf8").includes("pipe_write");
      } catch {
        return false;
      }
    }).length;
  };
  const streams = ["/containers/big/export", "/containers/big/archive?path=/", "/images/get?names=busybox"];

  it("leave no thread behind, whenever they go", async () => {
    await berth("run", "--name", "big", "busybox", "sh", "-c", "head -c 20000000 /dev/urandom > /big");
    for (let round = 0; round < rounds({ few: 10, all: 30 }); round++) {
      for (const path of streams) {
        const call = ask(path);
        // From before the request is read until in the middle of the answer.
        await new Promise((resolve) => setTimeout(resolve, round % 10));
        call.destroy();
      }
    }
    for (const path of [...streams, ...streams]) (await begin(path)).destroy();
    await eventually(stranded, (count) => count === 0);
    assert.match(await berth("cp", "big:/etc/passwd", "-"), /root/);
    assert.equal((await engine.api("GET", "/containers/big/changes")).status, 200);
  });

  it("hold up neither sizes and comparisons of others nor an end of the daemon when they read nothing", async () => {
    const unread = await Promise.all(
      Array.from({ length: 70 }, () => begin("/containers/big/export").catch(() => {})),
    );
    await eventually(stranded, (count) => count >= 60);
    assert.match(await berth("ps", "-a", "-s"), /20MB/);
    assert.equal((await engine.api("GET", "/containers/big/changes")).status, 200);
    await engine.restart("SIGTERM");
    assert.match(await berth("ps", "-a"), /big/);
    for (const response of unread) response?.destroy();
  });

  it("that come while a container ends get its files, every time", async () => {
    await berth("rm", "-f", "big");
    const names = Array.from({ length: rounds({ few: 15, all: 40 }) }, (_, n) => `short${n}`);
    for (const name of names) {
      const started = berth("run", "-d", "--name", name, "busybox", "sh", "-c", "echo x > /file");
      await started;
      const { status, body } = await engine.api("GET", `/containers/${name}/archive?path=/file`);
      assert.ok(
        status === 200 || (status === 404 && !/stopped/.test(body)),
        `${status} ${body.slice(0, 200)}`,
      );
    }
    const exports = names.map(async (name) => {
      const killed = berth("start", name);
      const { status, body } = await engine.api("GET", `/containers/${name}/export`);
      assert.equal(status, 200, body.slice(0, 200));
      await killed;
    });
    await Promise.all(exports);
    await berth("rm", "-f", ...names);
  });

  it("hold the files that were made for a container, also when it does not run", async () => {
    await berth("create", "--name", "etc", "--hostname", "wonderland", "busybox", "true");
    assert.doesNotMatch(await berth("cp", "etc:/etc/hostname", "-"), /wonderland/);
    await berth("start", "-a", "etc");
    assert.match(await berth("cp", "etc:/etc/hostname", "-"), /wonderland\n/);
    assert.match(await berth("cp", "etc:/etc/hosts", "-"), /localhost/);
    assert.match(await berth("cp", "etc:/etc/resolv.conf", "-"), /nameserver/);
    assert.equal(await berth("diff", "etc"), "");
    await berth("rm", "etc");
  });
});
