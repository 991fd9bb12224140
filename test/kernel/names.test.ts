import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { eventually, resolversOf, supervisorOf, useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

describe("names", () => {
  // A test kills the supervisor before the daemon, which may notice.
  const { engine } = useEngine(/the supervisor was lost/);
  const run = (words: string[]) => engine.cli(stockDockers.at(-1)!)(words);
  const ok = async (...words: string[]) => {
    const { stdout, stderr, code } = await run(words);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  const inside = (name: string, command: string) => ok("exec", name, "sh", "-c", command);
  /** The addresses that a name has in a container, sorted; [] for a name that does not exist. */
  const lookUp = async (container: string, name: string, type = "a") => {
    const { stdout } = await run(["exec", container, "nslookup", `-type=${type}`, name, "127.0.0.11"]);
    const [, answer = ""] = stdout.split(/\n\n/);
    return [...answer.matchAll(/^(?:Address(?: \d+)?: |.*\tname = )(\S+)/gm)]
      .map(([, found = ""]) => found)
      .sort();
  };
  const addressOf = (name: string, network: string) =>
    ok("inspect", "-f", `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, name);
  const start = (name: string, ...flags: string[]) =>
    ok("run", "-d", "--name", name, ...flags, "busybox", "sleep", "1000");
  let upstream: ChildProcess;

  before(async () => {
    await ok("network", "create", "--subnet", "10.214.1.0/24", "front");
    await ok("network", "create", "--subnet", "10.214.2.0/24", "Back");
    upstream = spawn(
      "dnsmasq",
      [
        ...["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file="],
        ...[
          "--listen-address=10.214.1.1",
          "--bind-interfaces",
          "--address=/up.example/192.0.2.7",
          "--address=/far.back/192.0.2.8",
          "--address=/front/192.0.2.9",
          "--txt-record=t.example,hello",
        ],
        "--address=/example/",
      ],
      { stdio: ["ignore", "ignore", "inherit"] },
    );
    await start("one", "--network", "front", "--hostname", "host-one", "--dns", "10.214.1.1");
    await start("two", "--network", "front", "--network-alias", "pair", "--network-alias", "Second");
    await start("three", "--network", "front", "--network-alias", "pair");
    await start("far", "--network", "Back");
  });
  after(() => void upstream.kill("SIGKILL"));

  it("lead to containers of the same network, by name, alias, short id and hostname, without case", async () => {
    const [one, two, three] = [
      await addressOf("one", "front"),
      await addressOf("two", "front"),
      await addressOf("three", "front"),
    ];
    assert.deepEqual(await lookUp("one", "two"), [two]);
    assert.deepEqual(await lookUp("one", "TWO"), [two]);
    assert.deepEqual(await lookUp("one", "second"), [two]);
    assert.deepEqual(await lookUp("two", "host-one"), [one]);
    assert.deepEqual(await lookUp("two", (await ok("inspect", "-f", "{{.Id}}", "one")).slice(0, 12)), [one]);
    assert.deepEqual(await lookUp("two", "one.front"), [one]);
    assert.deepEqual(await lookUp("one", "pair"), [two, three].sort());
    assert.equal(await inside("one", "ping -c 1 -w 5 pair > /dev/null && echo reached"), "reached");
  });
  it("that several bear are given in turns", async () => {
    const first = async () =>
      (await inside("one", "nslookup -type=a pair 127.0.0.11 | grep -A2 Name: | sed -n 2p")).trim();
    const seen = new Set<string>();
    await eventually(
      async () => seen.add(await first()).size,
      (size) => size === 2,
    );
  });
  it("of addresses lead back", async () => {
    const address = await addressOf("two", "front");
    assert.deepEqual(
      await lookUp("one", `${address.split(".").toReversed().join(".")}.in-addr.arpa`, "ptr"),
      ["two.front"],
    );
  });
  it("of another network are not known, and that network's name is a domain like any other", async () => {
    assert.deepEqual(await lookUp("one", "far"), []);
    assert.deepEqual(await lookUp("one", "far.back"), ["192.0.2.8"]);
    const { stdout } = await run(["exec", "one", "nslookup", "-type=a", "nobody.front", "127.0.0.11"]);
    assert.match(stdout, /NXDOMAIN/, "those of its own never leave the machine");
  });
  it("that exist are asked nowhere else, whatever their type", async () => {
    assert.deepEqual(await lookUp("one", "two", "aaaa"), []);
    const { stdout } = await run(["exec", "one", "nslookup", "-type=txt", "two", "127.0.0.11"]);
    assert.match(stdout, /Non-authoritative answer:\n\n$/);
  });
  it("that are not known here are asked of the container's own servers, by UDP and TCP", async () => {
    assert.deepEqual(await lookUp("one", "up.example"), ["192.0.2.7"]);
    assert.match(await inside("one", "nslookup -type=txt t.example 127.0.0.11"), /hello/);
    assert.match(
      (await run(["exec", "one", "nslookup", "-type=a", "no.example", "127.0.0.11"])).stdout,
      /NXDOMAIN/,
    );
  });
  it("are asked as /etc/resolv.conf says", async () => {
    const text = await inside("one", "cat /etc/resolv.conf");
    assert.match(text, /^nameserver 127\.0\.0\.11$/m);
    assert.match(text, /^options .*ndots:0$/m);
    assert.match(text, /# ExtServers: \[10\.214\.1\.1\]/);
  });
  it("change with a container's: renamed, connected, disconnected, ended", async () => {
    await ok("rename", "three", "third");
    const address = await addressOf("third", "front");
    assert.deepEqual(await lookUp("one", "third"), [address]);
    assert.deepEqual(await lookUp("one", "three"), []);
    await ok("network", "connect", "--alias", "guest", "Back", "third");
    assert.deepEqual(await lookUp("far", "guest"), [await addressOf("third", "Back")]);
    assert.deepEqual(await lookUp("third", "far"), [await addressOf("far", "Back")]);
    await ok("network", "disconnect", "Back", "third");
    assert.deepEqual(await lookUp("far", "guest"), []);
    await ok("stop", "-t", "0", "third");
    assert.deepEqual(await lookUp("one", "third"), []);
    await ok("start", "third");
    await ok("rename", "third", "three");
  });
  it("come to a container of the default bridge with its first network that has some", async () => {
    await start("late");
    assert.doesNotMatch(await inside("late", "cat /etc/resolv.conf"), /127\.0\.0\.11/);
    await ok("network", "connect", "front", "late");
    assert.match(await inside("late", "cat /etc/resolv.conf"), /^nameserver 127\.0\.0\.11$/m);
    assert.match(await inside("late", "ping -c 1 -w 5 two"), /1 packets received/);
    await ok("rm", "-f", "late");
  });
  it("disturb no name server that a container runs itself", async () => {
    await inside("two", "(nc -l -p 53 -e echo mine >/dev/null 2>&1 &)");
    const ask = () => inside("two", "nc 127.0.0.1 53 < /dev/null || true");
    await eventually(ask, (text) => text === "mine");
    assert.deepEqual(await lookUp("two", "one"), [await addressOf("one", "front")]);
  });
  it("are answered while the daemon is down, and after", async () => {
    const pid = await ok("inspect", "-f", "{{.State.Pid}}", "one");
    const address = await addressOf("two", "front");
    const ask = () =>
      spawnSync("nsenter", ["-t", pid, "-n", "busybox", "nslookup", "-type=a", "two", "127.0.0.11"], {
        encoding: "utf8",
      });
    await engine.restart("SIGKILL");
    process.kill(engine.pid(), "SIGSTOP");
    try {
      assert.ok(ask().stdout.includes(address));
    } finally {
      process.kill(engine.pid(), "SIGCONT");
    }
    assert.deepEqual(await lookUp("one", "two"), [address]);
  });
  it("are back when whoever answers is killed, and when supervisor and daemon are", async () => {
    const address = await addressOf("two", "front");
    const [resolver = 0] = resolversOf(engine);
    process.kill(resolver, "SIGKILL");
    await eventually(
      () => lookUp("one", "two"),
      ([found]) => found === address,
    );
    process.kill(supervisorOf(engine), "SIGKILL");
    await engine.restart("SIGKILL");
    await eventually(
      () => lookUp("one", "two"),
      ([found]) => found === address,
    );
    assert.equal(resolversOf(engine).length, 1);
  });
});

describe("names by default", () => {
  const { berth } = useEngine(undefined, [
    "--default-bridge-names",
    "--dns",
    "192.0.2.53",
    "--dns-search",
    "corp.example",
  ]);

  it("lead to containers of the default bridge, too, when daemon.json says so", async () => {
    await berth("run", "-d", "--name", "db", "busybox", "sleep", "1000");
    assert.match(
      await berth("run", "--rm", "busybox", "ping", "-c", "1", "-w", "5", "db"),
      /1 packets received/,
    );
  });
  it("are asked of daemon.json's servers by a container that has none of its own", async () => {
    const text = await berth("run", "--rm", "busybox", "cat", "/etc/resolv.conf");
    assert.match(text, /^nameserver 127\.0\.0\.11\nsearch corp\.example$/m);
    assert.match(text, /ExtServers: \[192\.0\.2\.53\]/);
    const own = await berth("run", "--rm", "--dns", "192.0.2.54", "busybox", "cat", "/etc/resolv.conf");
    assert.match(own, /ExtServers: \[192\.0\.2\.54\]/);
  });
});
