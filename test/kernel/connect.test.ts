import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { findFreePort } from "../free-port.ts";
import { stockDockers } from "../stock-docker.ts";

describe("a container in several networks", () => {
  const { engine, berth } = useEngine();
  const docker = (words: string[]) => engine.cli(stockDockers.at(-1)!)(words);
  const ok = async (...words: string[]) => {
    const { stdout, stderr, code } = await docker(words);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  const refused = async (...words: string[]) => {
    const { stderr, code } = await docker(words);
    assert.notEqual(code, 0, words.join(" "));
    return stderr.trim();
  };
  const inside = (name: string, command: string) => ok("exec", name, "sh", "-c", command);
  const addressOf = (name: string, network: string) =>
    ok("inspect", "-f", `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name);

  before(async () => {
    await ok("network", "create", "--subnet", "10.213.1.0/24", "a");
    await ok("network", "create", "--subnet", "10.213.2.0/24", "b");
  });
  it("joins and leaves one while it runs, and everything follows: interface, route, ports, hosts, events", async () => {
    const serve = "mkdir /w; echo found > /w/index.html; exec httpd -f -h /w -p 80";
    await ok(
      "run",
      "-d",
      "--name",
      "web",
      "--network",
      "b",
      "-p",
      "127.0.0.1::80",
      "busybox",
      "sh",
      "-c",
      serve,
    );
    const port = (await ok("port", "web", "80")).split(":").at(-1);
    const get = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(20_000) });
      return (await answer.text()).trim();
    };
    assert.equal(await get(), "found");
    assert.match(await inside("web", "ip route"), /^default via 10\.213\.2\.1 dev eth0/);
    await inside("web", "echo '10.9.9.9 mine' >> /etc/hosts");

    await ok("network", "connect", "--ip", "10.213.1.77", "--alias", "shop", "a", "web");
    assert.equal(await addressOf("web", "a"), "10.213.1.77");
    assert.match(await inside("web", "ip addr show eth1"), /inet 10\.213\.1\.77\/24/);
    // By name a comes before b.
    assert.match(await inside("web", "ip route"), /^default via 10\.213\.1\.1 dev eth1/);
    assert.match(await inside("web", "cat /etc/hosts"), /10\.9\.9\.9 mine\n10\.213\.1\.77\t[0-9a-f]{12}$/);
    assert.equal(await get(), "found");
    assert.match(
      await refused("network", "connect", "a", "web"),
      /endpoint with name web already exists in network a/,
    );
    assert.match(await ok("network", "inspect", "-f", "{{json .Containers}}", "a"), /10\.213\.1\.77\/24/);
    assert.match(await refused("network", "rm", "a"), /has active endpoints/);

    await engine.restart("SIGKILL");
    assert.equal(await addressOf("web", "a"), "10.213.1.77");
    assert.equal(await get(), "found");

    await ok("network", "disconnect", "b", "web");
    assert.doesNotMatch(await inside("web", "ip -o link"), /eth0/);
    assert.equal(await get(), "found");
    await ok("network", "disconnect", "a", "web");
    assert.equal((await inside("web", "ip -o link")).split("\n").length, 1);
    assert.equal(await inside("web", "ip route"), "");
    assert.equal(await inside("web", "tail -n 1 /etc/hosts"), "10.9.9.9 mine");
    await assert.rejects(get());
    assert.match(
      await refused("network", "disconnect", "a", "web"),
      /container [0-9a-f]{64} is not connected to network a/,
    );
    await ok("restart", "-t", "0", "web");
    assert.equal((await inside("web", "ip -o link")).split("\n").length, 1);
    await ok("network", "connect", "a", "web");
    assert.match(await ok("port", "web", "80"), /^127\.0\.0\.1:\d+$/);
    await ok("rm", "-f", "web");
  });

  it("keeps a fixed port and a free one of the same container port where it joins a network", async () => {
    const fixed = await findFreePort();
    const publish = ["-p", `127.0.0.1:${fixed}:80`, "-p", "127.0.0.1::80"];
    await ok("run", "-d", "--name", "two-ports", "--network", "b", ...publish, "busybox", "sleep", "1000");
    const before = await ok("port", "two-ports", "80");
    assert.equal(before.split("\n").length, 2);
    await ok("network", "connect", "a", "two-ports");
    assert.equal(await ok("port", "two-ports", "80"), before);
    await ok("rm", "-f", "two-ports");
  });

  it("elects its gateway by priority, and has the same interfaces after each start", async () => {
    const networks = ["--network", "name=b,gw-priority=1", "--network", "a"];
    await ok("run", "-d", "--name", "two", ...networks, "busybox", "sleep", "1000");
    for (let round = 0; round < 3; round++) {
      assert.match(await inside("two", "ip addr show eth0"), /10\.213\.2\./);
      assert.match(await inside("two", "ip addr show eth1"), /10\.213\.1\./);
      assert.match(await inside("two", "ip route"), /^default via 10\.213\.2\.1 dev eth0/);
      await ok("restart", "-t", "0", "two");
    }
    await ok("rm", "-f", "two");
  });

  it("is joined and left while it stands still, with what it asks for then", async () => {
    await ok("create", "--name", "still", "--network", "a", "busybox", "sleep", "1000");
    await ok("network", "connect", "--ip", "10.213.2.9", "b", "still");
    await ok("network", "disconnect", "a", "still");
    assert.match(
      await refused("network", "disconnect", "a", "still"),
      /container [0-9a-f]{64} is not connected to the network a/,
    );
    assert.match(
      await refused("network", "disconnect", "gone", "still"),
      /container [0-9a-f]{64} is not connected to the network gone/,
    );
    await ok("start", "still");
    assert.match(await inside("still", "ip -o -4 addr"), /10\.213\.2\.9\/24/);
    assert.doesNotMatch(await inside("still", "ip -o -4 addr"), /10\.213\.1\./);
    await ok("rm", "-f", "still");
  });

  it("refuses what cannot be, in Docker's words, and nothing has changed", async () => {
    await ok("run", "-d", "--name", "host", "--network", "host", "busybox", "sleep", "1000");
    await ok("run", "-d", "--name", "none", "--network", "none", "busybox", "sleep", "1000");
    await ok("run", "-d", "--name", "one", "--network", "a", "busybox", "sleep", "1000");
    const cases: [RegExp, ...string[]][] = [
      [
        /container sharing network namespace with another container or host cannot be connected/,
        "connect",
        "a",
        "host",
      ],
      [/cannot disconnect container from host network/, "disconnect", "host", "host"],
      [/cannot connect container to host network/, "connect", "host", "one"],
      [/with one of the networks in private \(none\) mode/, "connect", "a", "none"],
      [/with one of the networks in private \(none\) mode/, "connect", "none", "one"],
      [/network nosuch not found/, "connect", "nosuch", "one"],
      [/No such container: nosuch/, "connect", "a", "nosuch"],
      [/endpoint nosuch not found/, "disconnect", "-f", "a", "nosuch"],
      [
        /no configured subnet or ip-range contain the IP address 10\.9\.9\.9/,
        "connect",
        "--ip",
        "10.9.9.9",
        "b",
        "one",
      ],
      [
        /network-scoped alias is supported only for containers in user defined networks/,
        "connect",
        "--alias",
        "x",
        "bridge",
        "one",
      ],
    ];
    for (const [words, ...command] of cases) assert.match(await refused("network", ...command), words);
    const taken = await addressOf("one", "a");
    await ok("run", "-d", "--name", "other", "--network", "b", "busybox", "sleep", "1000");
    assert.match(await refused("network", "connect", "--ip", taken, "a", "other"), /Address already in use/);
    assert.equal((await inside("other", "ip -o link")).split("\n").length, 2);
    await ok("network", "disconnect", "none", "none");
    await ok("network", "connect", "a", "none");
    assert.match(await inside("none", "ip route"), /^default via 10\.213\.1\.1 dev eth0/);
    // An interface of that name that the container has made itself is in the way.
    await ok(
      "run",
      "-d",
      "--name",
      "own",
      "--network",
      "a",
      "--cap-add",
      "NET_ADMIN",
      "busybox",
      "sleep",
      "1000",
    );
    await inside("own", "ip link add eth1 type veth peer name mine");
    assert.match(await refused("network", "connect", "b", "own"), /file exists/i);
    assert.equal(await addressOf("own", "b").catch(() => ""), "");
    await ok("rm", "-f", "host", "none", "one", "other", "own");
    await eventually(
      async () => (await engine.api("GET", "/berth/system/check")).body.trim(),
      (body) => body === "[]",
    );
  });

  it("is none the worse for a storm of connects, disconnects and restarts", async () => {
    await ok("run", "-d", "--name", "storm", "--network", "a", "busybox", "sleep", "1000");
    await Promise.all(
      Array.from({ length: 30 }, async (_, number) => {
        if (number % 10 === 9) return void (await berth("restart", "-t", "0", "storm"));
        await docker(["network", number % 2 ? "disconnect" : "connect", "b", "storm"]);
      }),
    );
    await docker(["network", "connect", "b", "storm"]);
    assert.match(await inside("storm", "ip -o -4 addr"), /10\.213\.1\.[\s\S]*10\.213\.2\./);
    await ok("rm", "-f", "storm");
    await eventually(
      async () => (await engine.api("GET", "/berth/system/check")).body.trim(),
      (body) => body === "[]",
    );
  });
});
