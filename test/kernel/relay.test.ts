import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { describe, it } from "node:test";
import { eventually, relaysOf, resolversOf, supervisorOf, useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

describe("a port that is published at IPv6 addresses to a container without IPv6", () => {
  const { engine, berth } = useEngine(/the supervisor was lost/);

  const fetch = (host: string, port: string) =>
    new Promise<string>((resolve) => {
      const request = get({ host, port, agent: false, timeout: 20_000 }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve(text.trim()));
      });
      request.on("timeout", () => request.destroy());
      request.on("error", (error) => resolve(`${(error as NodeJS.ErrnoException).code}`));
    });
  const answers = async (port: string, text: string) =>
    assert.equal(
      await eventually(
        () => fetch("::1", port),
        (found) => found === text,
      ),
      text,
    );
  const serve = (name: string, ...flags: string[]) =>
    berth("run", "-d", "--name", name, ...flags, "busybox", "sh", "-c", `echo ${name} >index.html; httpd -f`);
  const portOf = async (name: string) => (await berth("port", name, "80")).split(":").at(-1) ?? "";

  it("answers there, and is shown for both families as Docker shows it", async () => {
    await serve("web", "-p", "80");
    const port = await portOf("web");
    await answers(port, "web");
    assert.equal(await fetch("127.0.0.1", port), "web");
    assert.equal(await berth("port", "web"), `80/tcp -> 0.0.0.0:${port}\n80/tcp -> [::]:${port}`);
    const shown = await engine.cli(stockDockers.at(-1)!)(["ps", "--format", "{{.Ports}}"]);
    assert.equal(shown.stdout.trim(), `0.0.0.0:${port}->80/tcp, [::]:${port}->80/tcp`);
    // Its port of both is one, and taken in both.
    const { stderr } = await engine.berth(["run", "--rm", "-p", `[::1]:${port}:80`, "busybox", "true"]);
    assert.match(stderr, new RegExp(`Bind for (::1|\\[::1\\]):${port} failed: port is already allocated`));
    assert.equal(relaysOf(engine).length, 1);
  });

  it("may be published at one IPv6 address alone", async () => {
    await serve("six", "-p", "[::1]::80");
    const port = await portOf("six");
    assert.equal(await berth("port", "six"), `80/tcp -> [::1]:${port}`);
    await answers(port, "six");
    assert.equal(await fetch("127.0.0.1", port), "ECONNREFUSED");
    assert.equal(relaysOf(engine).length, 1, "one process for all");
    await berth("rm", "-f", "six");
    assert.equal(await fetch("::1", port), "ECONNREFUSED");
  });

  it("answers at ::1 for a container that has IPv6 too, where NAT does not reach", async () => {
    await berth("network", "create", "--ipv6", "dual");
    await serve("both", "--network", "dual", "-p", "80");
    await answers(await portOf("both"), "both");
    await berth("rm", "-f", "both");
    await berth("network", "rm", "dual");
  });

  it("goes where the container's gateway is, and comes and goes while it runs", async () => {
    await berth("network", "create", "other");
    const port = await portOf("web");
    await berth("network", "connect", "other", "web");
    await berth("network", "disconnect", "bridge", "web");
    await answers(port, "web");
    await berth("network", "connect", "bridge", "web");
    await berth("network", "disconnect", "other", "web");
    await answers(port, "web");
    await berth("network", "rm", "other");
    await berth("update", "--publish-rm", port, "--publish-add", `${port}:80`, "web");
    await answers(port, "web");
    await berth("update", "--publish-rm", port, "web");
    assert.equal(await fetch("::1", port), "ECONNREFUSED");
    await berth("update", "--publish-add", `${port}:80`, "web");
    await answers(port, "web");
  });

  it("answers while the daemon is down, and after the relay, the daemon or the supervisor was killed", async () => {
    const port = await portOf("web");
    const connection = get({ host: "::1", port, agent: false });
    assert.equal((await once(connection, "response"))[0].statusCode, 200);
    process.kill(engine.pid(), "SIGKILL");
    assert.equal(await fetch("::1", port), "web");
    await engine.restart("SIGKILL");
    assert.equal(await fetch("::1", port), "web");
    const kill = (...pids: number[]) => {
      for (const pid of pids) process.kill(pid, "SIGKILL");
    };
    for (const strike of [
      () => kill(...relaysOf(engine)),
      () => kill(...relaysOf(engine), ...resolversOf(engine)),
      async () => {
        kill(...relaysOf(engine));
        await engine.restart("SIGKILL");
      },
      () => kill(supervisorOf(engine)),
      () => kill(...relaysOf(engine)),
      async () => {
        kill(supervisorOf(engine));
        await engine.restart("SIGKILL");
      },
    ]) {
      await strike();
      await answers(port, "web");
      assert.equal(await fetch("127.0.0.1", port), "web");
      assert.equal(
        (
          await eventually(
            () => relaysOf(engine),
            ({ length }) => length === 1,
          )
        ).length,
        1,
      );
    }
  });

  it("is free again the moment that its container has gone, whatever becomes of the relay", async () => {
    const port = "18473";
    for (let time = 0; time < 12; time++) {
      await serve("brief", "-p", `${port}:80`);
      if (time % 3 === 0) await answers(port, "brief");
      if (time % 3 === 1) for (const pid of relaysOf(engine)) process.kill(pid, "SIGKILL");
      await berth("rm", "-f", "brief");
      assert.equal(await fetch("::1", port), "ECONNREFUSED");
    }
    await serve("brief", "-p", `${port}:80`);
    for (let time = 0; time < 4; time++) await berth("restart", "-t", "0", "brief");
    await answers(port, "brief");
    await berth("rm", "-f", "brief");
  });

  it("ends with its container, also when the daemon is away, and can be had again", async () => {
    const port = await portOf("web");
    await berth("rm", "-f", "web");
    assert.equal(await fetch("::1", port), "ECONNREFUSED");
    await serve("web", "-p", `${port}:80`);
    await answers(port, "web");
    const pid = Number(await berth("inspect", "-f", "{{.State.Pid}}", "web"));
    process.kill(engine.pid(), "SIGKILL");
    process.kill(pid, "SIGKILL");
    await eventually(
      () => fetch("::1", port),
      (found) => found === "ECONNREFUSED",
    );
    await engine.restart("SIGKILL");
    await berth("start", "web");
    await answers(port, "web");
    await berth("rm", "-f", "web");
    await eventually(
      () => relaysOf(engine),
      ({ length }) => length === 0,
    );
  });
});
