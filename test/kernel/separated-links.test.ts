import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";

describe("with icc=false on the default bridge", () => {
  const { engine, berth } = useEngine(undefined, ["--icc=false"]);
  const serve = "mkdir -p /w && echo served >/w/index.html && httpd -h /w -p 80 && httpd -f -h /w -p 81";
  const addressOf = (name: string) =>
    berth("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", name);
  /** Where its /etc/hosts has the other. */
  const linkedAddress = async (name: string) =>
    (await berth("exec", name, "grep", "store", "/etc/hosts")).split("\t")[0] ?? "";
  /** Exit code of a request from one container to another's address. */
  const reach = async (from: string, address: string, port = 80) =>
    (await engine.berth(["exec", from, "timeout", "2", "wget", "-qO-", `http://${address}:${port}/`])).code;
  const isReached = (from: string, address: string) =>
    eventually(
      () => reach(from, address),
      (code) => code === 0,
    );

  const isSound = async () => {
    const { code, stdout, stderr } = await engine.berth(["system", "check"]);
    assert.equal(code, 0, stdout + stderr);
  };

  before(async () => {
    await berth("run", "-d", "--name", "db", "--expose", "80", "busybox", "sh", "-c", serve);
    await berth("run", "-d", "--name", "web", "--link", "db:store", "busybox", "sh", "-c", serve);
    await berth("run", "-d", "--name", "other", "busybox", "sleep", "1000");
  });

  /** Whether something in a container serves a port, asked within. */
  const serves = (name: string, port: number) =>
    eventually(
      () => reach(name, "127.0.0.1", port),
      (code) => code === 0,
    );

  it("a linked container reaches the exposed ports of the other, and nothing else", async () => {
    await isReached("web", await linkedAddress("web"));
    await serves("db", 81);
    assert.notEqual(await reach("web", await linkedAddress("web"), 81), 0, "a port that is not exposed");
    assert.notEqual(
      (await engine.berth(["exec", "web", "ping", "-c1", "-w1", await linkedAddress("web")])).code,
      0,
    );
  });
  it("others reach nothing, and the other does not reach back", async () => {
    const address = await addressOf("db");
    assert.notEqual(await reach("other", address), 0);
    await serves("web", 80);
    assert.notEqual(await reach("db", await addressOf("web")), 0);
  });
  it("the link follows the other to another address, and one that comes meanwhile is not reached", async () => {
    const old = await addressOf("db");
    await berth("stop", "-t", "0", "db");
    await berth("network", "disconnect", "bridge", "db");
    await berth("network", "connect", "bridge", "db");
    const heir = ["--name", "heir", "--expose", "80"];
    await berth("run", "-d", ...heir, "busybox", "sh", "-c", serve);
    await berth("start", "db");
    assert.notEqual(await addressOf("db"), old);
    await serves("heir", 80);
    await isReached("web", await linkedAddress("web"));
    assert.notEqual(await reach("web", await addressOf("heir")), 0);
  });
  it("is kept over a killed daemon, and passes the check", async () => {
    await engine.restart("SIGKILL");
    await isReached("web", await linkedAddress("web"));
    await isSound();
  });
  it("goes with the link, and with the container", async () => {
    await berth("rm", "--link", "/web/store");
    assert.notEqual(await reach("web", await addressOf("db")), 0);
    await berth("run", "-d", "--name", "late", "--link", "db:store", "busybox", "sleep", "1000");
    await isReached("late", await linkedAddress("late"));
    await berth("rm", "-f", "late", "web", "other", "heir");
    await isSound();
  });
});
