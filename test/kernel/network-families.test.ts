import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { output, startEngine, type TestEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

describe("networks of an engine that has IPv6 by its settings", () => {
  let engine: TestEngine;
  const berth = (...words: string[]) => output(engine.berth, words);
  const inside = (name: string, ...words: string[]) => berth("exec", name, ...words);

  before(async () => {
    engine = await startEngine([
      "--ipv6",
      ...[
        "--default-address-pool",
        "base=10.213.0.0/16,size=26",
        "--default-address-pool",
        "base=fd00:213::/48,size=64",
      ],
    ]);
    await berth("image", "make", "busybox");
  });
  after(() => engine.stop());

  it("give containers of the default bridge both families, and their names as well", async () => {
    const run = ["run", "-d", "--name", "web", "-h", "shop", "-p", "8080", "--add-host", "host:host-gateway"];
    await berth(...run, "busybox", "httpd", "-f", "-p", "8080");
    const [{ NetworkSettings }] = JSON.parse(await berth("inspect", "web"));
    assert.equal(NetworkSettings.GlobalIPv6Address, "fd00:213::2");
    assert.equal(NetworkSettings.GlobalIPv6PrefixLen, 64);
    assert.equal(NetworkSettings.IPv6Gateway, "fd00:213::1");
    const [four, six] = NetworkSettings.Ports["8080/tcp"];
    assert.deepEqual([four.HostIp, six.HostIp, four.HostPort], ["0.0.0.0", "::", six.HostPort]);
    assert.equal(
      await berth("ps", "--format", "{{.Ports}}"),
      `0.0.0.0:${four.HostPort}->8080/tcp, [::]:${four.HostPort}->8080/tcp`,
    );
    assert.match(await berth("port", "web"), new RegExp(`8080/tcp -> \\[::\\]:${four.HostPort}`));
    const hosts = await inside("web", "cat", "/etc/hosts");
    assert.match(hosts, /^fd00:213::2\tshop$/m);
    assert.match(hosts, /^fd00:213::1\thost$/m);
    const { Containers } = JSON.parse(await berth("network", "inspect", "bridge"))[0];
    const [endpoint] = Object.values(Containers) as { IPv6Address: string }[];
    assert.equal(endpoint?.IPv6Address, "fd00:213::2/64");
    await engine.restart("SIGKILL");
    const [after] = JSON.parse(await berth("inspect", "web"));
    assert.deepEqual(after.NetworkSettings.Ports, NetworkSettings.Ports);
    await berth("rm", "-f", "web");
  });

  it("cut automatic subnets from the pools that are given, and keep what is asked for", async () => {
    await berth("network", "create", "--ipv6", "first");
    const [network] = JSON.parse(await berth("network", "inspect", "first"));
    assert.deepEqual(Object.keys(network), [
      ...[
        "Name",
        "Id",
        "Created",
        "Scope",
        "Driver",
        "EnableIPv4",
        "EnableIPv6",
        "IPAM",
        "Internal",
        "Attachable",
      ],
      ...["Ingress", "ConfigFrom", "ConfigOnly", "Containers", "Options", "Labels"],
    ]);
    assert.deepEqual(network.IPAM, {
      Driver: "default",
      Options: {},
      Config: [
        { Subnet: "10.213.0.0/26", Gateway: "10.213.0.1" },
        { Subnet: "fd00:213:0:1::/64", Gateway: "fd00:213:0:1::1" },
      ],
    });
    await berth(
      ...["network", "create", "--subnet", "10.214.0.0/24", "--ip-range", "10.214.0.128/25"],
      ...["--gateway", "10.214.0.9", "--aux-address", "printer=10.214.0.128", "--internal", "--attachable"],
      ...["--label", "a=b", "-o", "com.docker.network.driver.mtu=1400", "second"],
    );
    const [second] = JSON.parse(await berth("network", "inspect", "second"));
    assert.deepEqual(second.IPAM.Config, [
      {
        Subnet: "10.214.0.0/24",
        IPRange: "10.214.0.128/25",
        Gateway: "10.214.0.9",
        AuxiliaryAddresses: { printer: "10.214.0.128" },
      },
    ]);
    assert.deepEqual([second.Internal, second.Attachable, second.Labels], [true, true, { a: "b" }]);
    assert.match(
      await berth("run", "--rm", "--network", "second", "busybox", "ip", "addr", "show", "eth0"),
      /mtu 1400.*inet 10\.214\.0\.129\/24/s,
    );
    await berth("network", "rm", "first", "second");
  });

  it("find each other by names in both families, and by an address of one's own choice", async () => {
    await berth("network", "create", "--ipv4=false", "--ipv6", "--subnet", "fd00:9::/64", "six");
    await berth(
      "run",
      "-d",
      "--name",
      "db",
      "--network",
      "six",
      "--ip6",
      "fd00:9::77",
      "busybox",
      "sleep",
      "1000",
    );
    const ping = await berth("run", "--rm", "--network", "six", "busybox", "ping", "-6", "-c", "1", "db");
    assert.match(ping, /fd00:9::77/);
    const off = ["--sysctl", "net.ipv6.conf.all.disable_ipv6=1"];
    const hosts = await berth("run", "--rm", ...off, "busybox", "cat", "/etc/hosts");
    assert.doesNotMatch(hosts, /:/);
    assert.match(hosts, /127\.0\.0\.1\tlocalhost/);
    await berth("rm", "-f", "db");
    await berth("network", "rm", "six");
  });

  it("are made by the stock command lines as well", async () => {
    for (const program of stockDockers) {
      const docker = (...words: string[]) => output(engine.cli(program), words);
      await docker(
        "network",
        "create",
        "--ipv6",
        "--subnet",
        "10.215.0.0/24",
        "--subnet",
        "fd00:15::/64",
        "stock",
      );
      await docker(
        "run",
        "-d",
        "--name",
        "box",
        "--network",
        "stock",
        "-p",
        "127.0.0.1::80",
        "busybox",
        "sleep",
        "1000",
      );
      assert.equal(
        await docker("inspect", "-f", "{{.NetworkSettings.Networks.stock.GlobalIPv6Address}}", "box"),
        "fd00:15::2",
      );
      assert.match(await docker("ps", "--format", "{{.Ports}}"), /^127\.0\.0\.1:\d+->80\/tcp$/);
      await docker("rm", "-f", "box");
      assert.equal(await docker("network", "prune", "-f"), "Deleted Networks:\nstock\n");
    }
  });

  it("are pruned when only containers that stand still have asked for them, patterns are not", async () => {
    await berth("network", "create", "--config-only", "pattern");
    await berth("network", "create", "idle");
    await berth("network", "create", "busy");
    await berth("run", "--name", "done", "--network", "idle", "busybox", "true");
    await berth("run", "-d", "--name", "works", "--network", "busy", "busybox", "sleep", "1000");
    assert.match(
      await berth("network", "ls", "--filter", "dangling=true", "--format", "{{.Name}}"),
      /^idle\npattern$/,
    );
    assert.equal(await berth("network", "prune", "-f"), "Deleted Networks:\nidle\n");
    const start = await engine.berth(["start", "done"]);
    assert.match(start.stderr, /failed to set up container networking: network [0-9a-f]{64} not found/);
    await berth("rm", "-f", "done", "works");
    await berth("network", "rm", "pattern", "busy");
  });
});
