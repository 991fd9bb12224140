import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

describe("a container with links", () => {
  const { engine, berth } = useEngine();
  const docker = (...words: string[]) => engine.cli(stockDockers.at(-1)!)(words);
  const ok = async (...words: string[]) => {
    const { stdout, stderr, code } = await docker(...words);
    assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  const refused = async (...words: string[]) => {
    const { stderr, code } = await docker(...words);
    assert.notEqual(code, 0, words.join(" "));
    return stderr;
  };
  const addressOf = (name: string) => ok("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name);
  const hosts = (name: string) => ok("exec", name, "cat", "/etc/hosts");

  before(async () => {
    await ok(
      "run",
      "-d",
      "--name",
      "my-db",
      "--hostname",
      "dbh",
      "--expose",
      "5432",
      "--expose",
      "5433",
      "--expose",
      "5434",
      "--expose",
      "53/udp",
      "-e",
      "USER=me",
      "busybox",
      "sleep",
      "1000",
    );
    await ok(
      "run",
      "-d",
      "--name",
      "ap",
      "--link",
      "my-db:the-db",
      "-e",
      "THE_DB_ENV_USER=own",
      "busybox",
      "sleep",
      "1000",
    );
  });

  it("finds the other by alias, hostname and name", async () => {
    const address = await addressOf("my-db");
    assert.match(await hosts("ap"), new RegExp(`^${address}\tthe-db dbh my-db$`, "m"));
    assert.match(await ok("exec", "ap", "ping", "-c1", "-w5", "the-db"), /1 packets received/);
    assert.equal(await ok("inspect", "-f", "{{json .HostConfig.Links}}", "ap"), '["/my-db:/ap/the-db"]');
    assert.match(
      await ok("ps", "--no-trunc", "--format", "{{.Names}}"),
      /^my-db,ap\/the-db$|^ap\/the-db,my-db$/m,
    );
  });
  it("has the other's ports and environment in variables, and its own instead where it has them", async () => {
    const address = await addressOf("my-db");
    const variables = (await ok("exec", "ap", "env")).split("\n").filter((line) => line.startsWith("THE_DB"));
    const port = (number: number, protocol: string) => [
      `THE_DB_PORT_${number}_${protocol.toUpperCase()}=${protocol}://${address}:${number}`,
      `THE_DB_PORT_${number}_${protocol.toUpperCase()}_ADDR=${address}`,
      `THE_DB_PORT_${number}_${protocol.toUpperCase()}_PORT=${number}`,
      `THE_DB_PORT_${number}_${protocol.toUpperCase()}_PROTO=${protocol}`,
    ];
    const expected = [
      "THE_DB_NAME=/ap/the-db",
      `THE_DB_PORT=tcp://${address}:5432`,
      `THE_DB_PORT_5432_TCP_START=tcp://${address}:5432`,
      `THE_DB_PORT_5432_TCP_END=tcp://${address}:5434`,
      "THE_DB_PORT_5432_TCP_PORT_START=5432",
      "THE_DB_PORT_5432_TCP_PORT_END=5434",
      ...[5432, 5433, 5434].flatMap((number) => port(number, "tcp")),
      ...port(53, "udp"),
      "THE_DB_ENV_USER=own",
    ];
    assert.deepEqual(variables.sort(), expected.sort());
  });
  it("follows the other over a restart to another address, and a daemon's", async () => {
    const before = await addressOf("my-db");
    await ok("stop", "-t", "0", "my-db");
    await engine.restart("SIGKILL");
    await ok("run", "-d", "--name", "between", "busybox", "sleep", "1000");
    await ok("start", "my-db");
    const after = await addressOf("my-db");
    assert.notEqual(after, before);
    const text = await hosts("ap");
    assert.match(text, new RegExp(`^${after}\tthe-db dbh my-db$`, "m"));
    assert.equal(text.match(/the-db/g)?.length, 1);
    await ok("rename", "my-db", "renamed");
    assert.equal(await ok("inspect", "-f", "{{json .HostConfig.Links}}", "ap"), '["/renamed:/ap/the-db"]');
    await ok("rename", "renamed", "my-db");
  });
  it("does not start while the other does not run", async () => {
    await ok("create", "--name", "late", "--link", "my-db:db", "busybox", "true");
    await ok("stop", "-t", "0", "my-db");
    assert.match(
      await refused("start", "late"),
      /Cannot link to a non running container: \/my-db AS \/late\/db/,
    );
    await ok("start", "my-db");
    await ok("start", "-a", "late");
  });
  it("loses a link with rm --link, and nothing else", async () => {
    await ok("rm", "--link", "/ap/the-db");
    assert.doesNotMatch(await hosts("ap"), /the-db/);
    assert.equal(await ok("inspect", "-f", "{{json .HostConfig.Links}}", "ap"), "null");
    assert.match(await refused("rm", "--link", "/ap/the-db"), /No such container: \/ap\/the-db/);
    assert.equal((await berth("ps", "-q")).split("\n").length, 3);
  });
  it("is refused what cannot be", async () => {
    const body = (Links: unknown, NetworkMode = "bridge") => ({
      Image: "busybox",
      Cmd: ["true"],
      HostConfig: { NetworkMode, Links },
    });
    const create = async (Links: unknown, mode?: string) => {
      const { status, body: text } = await engine.api("POST", "/containers/create", body(Links, mode));
      return `${status} ${JSON.parse(text).message}`;
    };
    assert.equal(
      await create(["nosuch"]),
      "400 could not get container for nosuch: No such container: nosuch",
    );
    assert.equal(await create(["a:b:c"]), "500 bad format for links: a:b:c");
    for (const [mode, what] of [
      ["host", "host type networking"],
      ["container:ap", "container type network"],
    ] as const)
      assert.equal(
        await create(["ap"], mode),
        `400 conflicting options: ${what} can't be used with links. This would result in undefined behavior`,
      );
    for (const odd of [":", "", "ap:", "__proto__", "ap:a/b/"])
      assert.match(await create([odd]), /^(400|500) /, odd);
    assert.match(await create("ap"), /^400 /);
  });
  it("on a network of one's own knows the other by a further name that no one else has", async () => {
    await ok("network", "create", "own");
    await ok("run", "-d", "--name", "db", "--network", "own", "busybox", "sleep", "1000");
    await ok(
      "run",
      "-d",
      "--name",
      "web",
      "--network",
      "own",
      "--link",
      "db:store",
      "busybox",
      "sleep",
      "1000",
    );
    assert.match(await ok("exec", "web", "ping", "-c1", "-w5", "store"), /1 packets received/);
    assert.notEqual((await docker("exec", "db", "ping", "-c1", "-w1", "store")).code, 0);
    assert.equal(await ok("inspect", "-f", "{{json .HostConfig.Links}}", "web"), "null");
    assert.equal(
      await ok("inspect", "-f", "{{json .NetworkSettings.Networks.own.Links}}", "web"),
      '["db:store"]',
    );
  });
});
