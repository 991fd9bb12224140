import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { supervisorOf, useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

/** The machine's end and the neighbour's, which has a network namespace of its own. */
const parent = `mv${randomBytes(3).toString("hex")}`;
const neighbour = `${parent}n`;
const ip = (...words: string[]) => execFileSync("ip", words, { encoding: "utf8" });

describe("a network on a link of the machine", () => {
  const { engine, berth } = useEngine(/the supervisor was lost/);
  const docker = async (...words: string[]) => {
    const { stdout, stderr, code } = await engine.cli(stockDockers.at(-1)!)(words);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  const fetch = (from: string, url: string) => berth("exec", from, "timeout", "5", "wget", "-qO-", url);
  const serve = ["sh", "-c", "hostname >index.html; exec httpd -f"];

  before(() => {
    ip("netns", "add", neighbour);
    ip("link", "add", parent, "type", "veth", "peer", "name", "lan0", "netns", neighbour);
    ip("link", "set", parent, "up");
    ip("-n", neighbour, "addr", "add", "10.217.0.250/24", "dev", "lan0");
    ip("-n", neighbour, "link", "set", "lan0", "up");
  });
  after(() => {
    ip("link", "del", parent);
    ip("netns", "del", neighbour);
  });

  it("serves containers by name and address, over restarts of them and deaths of the daemon", async () => {
    const network = ["network", "create", "-d", "macvlan", "-o", `parent=${parent}`];
    await docker(...network, "--subnet", "10.217.0.0/24", "--gateway", "10.217.0.250", "lan");
    const inspect = JSON.parse(await docker("network", "inspect", "lan"))[0];
    assert.equal(inspect.Driver, "macvlan");
    assert.deepEqual(inspect.Options, { parent });
    assert.deepEqual(inspect.IPAM.Config, [{ Subnet: "10.217.0.0/24", Gateway: "10.217.0.250" }]);
    const on = ["run", "-d", "--network", "lan"];
    await docker(...on, "--name", "web", "--ip", "10.217.0.20", "-p", "80:80", "busybox", ...serve);
    await docker(...on, "--name", "client", "--network-alias", "me", "busybox", "sleep", "1000");
    assert.equal(await berth("port", "web"), "");
    const lookUp = () => berth("exec", "client", "nslookup", "-type=a", "web", "127.0.0.11");
    assert.match(await lookUp(), /Address.*10\.217\.0\.20/);
    const first = await fetch("client", "http://10.217.0.20/");
    assert.match(first, /^[0-9a-f]{12}$/);
    await engine.restart("SIGKILL");
    process.kill(supervisorOf(engine), "SIGKILL");
    assert.match(await lookUp(), /Address.*10\.217\.0\.20/);
    assert.equal(await fetch("client", "http://10.217.0.20/"), first);
    await berth("restart", "-t", "0", "web");
    assert.equal(await fetch("client", "http://10.217.0.20/"), first);
    const outside = execFileSync("ip", ["netns", "exec", neighbour, "curl", "-s", "http://10.217.0.20/"]);
    assert.equal(outside.toString().trim(), first);
    // One more, and another way out, while it runs.
    await berth("network", "connect", "bridge", "client");
    await berth("network", "disconnect", "lan", "client");
    const links = await berth("exec", "client", "ip", "link");
    assert.match(links, /eth1/);
    assert.doesNotMatch(links, /eth0/);
    const refused = await engine.berth(["network", "rm", "lan"]);
    assert.match(refused.stderr, /network lan has active endpoints/);
    await berth("rm", "-f", "web", "client");
    await berth("network", "rm", "lan");
  });

  it("without a parent link keeps containers among themselves", async () => {
    await docker("network", "create", "-d", "macvlan", "alone");
    await docker("run", "-d", "--name", "web", "--network", "alone", "busybox", ...serve);
    const address = await berth("inspect", "-f", "{{.NetworkSettings.Networks.alone.IPAddress}}", "web");
    const ask = ["timeout", "5", "wget", "-qO-", `http://${address}/`];
    assert.match(await berth("run", "--rm", "--network", "alone", "busybox", ...ask), /^[0-9a-f]{12}$/);
    await berth("rm", "-f", "web");
    await berth("network", "rm", "alone");
  });
});
