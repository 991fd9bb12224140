import assert from "node:assert/strict";
import { createServer } from "node:net";
import { before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { findFreePort } from "../free-port.ts";

describe("the ports of a container that runs", () => {
  const { engine, berth } = useEngine();
  const serve = (port: number) =>
    `mkdir -p /w${port}; echo ${port} > /w${port}/index.html; httpd -h /w${port} -p ${port}`;
  const get = async (port: string | number, host = "127.0.0.1") => {
    const answer = await fetch(`http://${host}:${port}/`, { signal: AbortSignal.timeout(20_000) });
    return (await answer.text()).trim();
  };
  /** The servers of a container that has just started come up one after the other. */
  const answers = (port: number, text: string) =>
    eventually(
      () => get(port).catch(() => undefined),
      (answer) => answer === text,
    );
  const hostPort = async (port: number) =>
    (await berth("port", "web", String(port))).split("\n")[0]?.split(":").at(-1) ?? "";
  const refused = async (...words: string[]) => {
    const { code, stderr } = await engine.berth(["update", ...words, "web"]);
    assert.notEqual(code, 0, words.join(" "));
    return stderr;
  };
  const state = () =>
    berth(
      "inspect",
      "-f",
      "{{json .HostConfig.PortBindings}} {{json .NetworkSettings.Ports}} {{.State.Pid}}",
      "web",
    );
  let first = 0;

  before(async () => {
    first = await findFreePort();
    await berth(
      "run",
      "-d",
      "--name",
      "web",
      "-p",
      `${first}:80`,
      "busybox",
      "sh",
      "-c",
      `${serve(80)}; ${serve(81)}; exec sleep 1000`,
    );
  });

  it("come and go without a restart, and those that stay answer meanwhile", async () => {
    const pid = await berth("inspect", "-f", "{{.State.Pid}}", "web");
    await berth("update", "--publish-add", "127.0.0.1::81", "web");
    assert.equal(await get(first), "80");
    const second = await hostPort(81);
    assert.equal(await get(second), "81");
    await berth("update", "--publish-rm", second, "web");
    await assert.rejects(get(second));
    assert.equal(await get(first), "80");
    assert.equal(await berth("port", "web", "80"), `0.0.0.0:${first}\n[::]:${first}`);
    assert.equal(await berth("inspect", "-f", "{{.State.Pid}}", "web"), pid);
  });
  it("are exchanged in one step: the same port of the host, another of the container", async () => {
    await berth("update", "--publish-rm", String(first), "--publish-add", `${first}:81`, "web");
    assert.equal(await get(first), "81");
    await berth("update", "--publish-rm", `${first}/tcp`, "--publish-add", `${first}:80`, "web");
    assert.equal(await get(first), "80");
  });
  it("stay as they were when one of several cannot be had", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "0.0.0.0", resolve));
    const { port } = taken.address() as { port: number };
    const before = await state();
    assert.match(
      await refused("--publish-rm", String(first), "--publish-add", "::81", "--publish-add", `${port}:81`),
      new RegExp(`Bind for 0\\.0\\.0\\.0:${port} failed: port is already allocated`),
    );
    assert.equal(await state(), before);
    assert.equal(await get(first), "80");
    taken.close();
  });
  it("that are not published, or are none, are refused by name", async () => {
    const before = await state();
    assert.match(await refused("--publish-rm", "1"), /port 1\/tcp is not published by container web/);
    assert.match(
      await refused("--publish-rm", `${first}/udp`),
      new RegExp(`port ${first}/udp is not published`),
    );
    assert.match(
      await refused("--publish-rm", `127.0.0.1:${first}`),
      new RegExp(`port 127\\.0\\.0\\.1:${first}/tcp is not`),
    );
    assert.match(await refused("--publish-rm", "x"), /invalid port x: use \[IP:\]PORT\[\/PROTOCOL\]/);
    const hostile = [
      { Publish: { __proto__x: [{ HostPort: "1" }] } },
      { Publish: { "80/tcp": [{ HostPort: "99999999" }] } },
      { Publish: { "80/tcp": [{ HostIp: "nowhere", HostPort: "1" }] } },
      { Unpublish: [{ HostPort: "constructor" }] },
      { Unpublish: "80" },
      { Publish: [] },
    ];
    for (const body of hostile) {
      const { status } = await engine.api("POST", "/berth/containers/web/ports", body);
      assert.equal(status, 400, JSON.stringify(body));
    }
    assert.equal(await state(), before);
  });
  it("are kept by the next daemon, and by the container's next start", async () => {
    const next = await findFreePort();
    await berth("update", "--publish-add", `127.0.0.1:${next}:81`, "web");
    await engine.restart("SIGKILL");
    assert.equal(await get(next), "81");
    await berth("restart", "-t", "0", "web");
    await answers(next, "81");
    await berth("stop", "-t", "0", "web");
    await berth("update", "--publish-rm", String(next), "web");
    await berth("start", "web");
    await answers(first, "80");
    await assert.rejects(get(next));
  });
  it("of a container without a network of its own are refused", async () => {
    await berth("run", "-d", "--name", "hosted", "--network", "host", "busybox", "sleep", "1000");
    const { stderr } = await engine.berth(["update", "--publish-add", "8080:80", "hosted"]);
    assert.match(stderr, /port publishing needs a network namespace of the container's own/);
  });
});
