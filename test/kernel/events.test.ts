import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually, useEngine } from "../engine.ts";

const main = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

describe("events", () => {
  const { engine, berth } = useEngine();

  it("tell a container's life in order, live and afterwards", async () => {
    const since = String(Math.floor(Date.now() / 1000) - 1);
    const words = ["events", "--since", since, "--filter", "container=told", "--format", "{{.Action}}"];
    const live = spawn(process.execPath, [main, "-H", engine.host, ...words], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let text = "";
    live.stdout.on("data", (bytes) => {
      text += bytes;
    });
    assert.equal(
      (await engine.berth(["run", "--name", "told", "-l", "k=v", "busybox", "sh", "-c", "exit 3"])).code,
      3,
    );
    await berth("rename", "told", "retold");
    await berth("rename", "retold", "told");
    await berth("rm", "told");
    await eventually(
      () => text,
      (seen) => seen.includes("destroy\n"),
    ).finally(() => live.kill());
    const actions = text.trim().split("\n");
    for (const [earlier, later] of [
      ["create", "start"],
      ["start", "die"],
      ["die", "rename"],
      ["rename", "destroy"],
    ] as const) {
      assert.ok(
        actions.indexOf(earlier) >= 0 && actions.indexOf(earlier) < actions.indexOf(later),
        `${earlier} before ${later} in ${actions}`,
      );
    }
    const past = await berth(
      "events",
      "--since",
      since,
      "--until",
      String(Math.floor(Date.now() / 1000) + 1),
      "--filter",
      "event=die",
      "--format",
      "{{json .Actor.Attributes}}",
    );
    const attributes = JSON.parse(past.split("\n").find((line) => line.includes('"told"')) ?? "{}");
    assert.deepEqual(
      { k: attributes.k, image: attributes.image, name: attributes.name, exitCode: attributes.exitCode },
      { k: "v", image: "busybox", name: "told", exitCode: "3" },
    );
  });

  it("are filtered by type and label", async () => {
    const since = String(Date.now() / 1000);
    await berth("volume", "create", "v1");
    await berth("volume", "rm", "v1");
    await berth("run", "--rm", "-l", "pick=me", "busybox", "true");
    const until = String(Math.floor(Date.now() / 1000) + 1);
    const list = async (...filters: string[]) =>
      (
        await berth(
          "events",
          "--since",
          since,
          "--until",
          until,
          "--format",
          "{{.Type}} {{.Action}}",
          ...filters,
        )
      ).split("\n");
    assert.deepEqual(await list("-f", "type=volume"), ["volume create", "volume destroy"]);
    assert.ok((await list("-f", "label=pick=me")).every((line) => line.startsWith("container ")));
  });

  it("end `run --rm` of clients that speak the oldest versions", async () => {
    for (const version of ["1.24", "1.25", "1.29"]) {
      const words = [
        `DOCKER_API_VERSION=${version}`,
        "docker",
        "run",
        "--rm",
        "busybox",
        "sh",
        "-c",
        "exit 3",
      ];
      const result = await engine.cli("env")(words);
      assert.equal(result.code, 3, `${version}: ${result.stderr}`);
    }
    assert.equal(await berth("ps", "-aq"), "");
  });

  it("name the signals of a stop", async () => {
    await berth("run", "-d", "--name", "stopped", "busybox", "sleep", "100");
    const since = String(Math.floor(Date.now() / 1000) - 1);
    await berth("stop", "-t", "0", "stopped");
    const until = String(Math.ceil(Date.now() / 1000));
    const format = "{{.Action}} {{.Actor.Attributes.signal}}";
    const filters = ["--filter", "container=stopped", "--filter", "event=kill"];
    const told = await berth("events", "--since", since, "--until", until, ...filters, "--format", format);
    assert.equal(told, "kill 15\nkill 9");
    await berth("rm", "stopped");
  });

  it("tell of volumes that are mounted, of new sizes, of what is pruned and of want of memory", async () => {
    const since = String(Date.now() / 1000);
    const past = async (...filters: string[]) => {
      const format = "{{.Type}} {{.Action}} {{json .Actor.Attributes}}";
      const { stdout } = await engine.berth([
        "events",
        "--since",
        since,
        "--until",
        String((Date.now() + 10) / 1000),
        "--format",
        format,
        ...filters,
      ]);
      return stdout.split("\n").filter(Boolean);
    };
    await berth("volume", "create", "kept");
    const id = await berth("create", "--name", "user", "-v", "kept:/data:ro", "busybox", "true");
    await berth("start", "-a", "user");
    const container = `"container":"${id}"`;
    assert.deepEqual(await past("-f", "volume=kept"), [
      'volume create {"driver":"local"}',
      `volume mount {${container},"destination":"/data","driver":"local","propagation":"","read/write":"false"}`,
      `volume unmount {${container},"driver":"local"}`,
    ]);
    await berth("rm", "user");

    await berth("run", "-d", "-t", "--name", "sized", "busybox", "sleep", "1000");
    assert.equal((await engine.api("POST", "/containers/sized/resize?h=11&w=77")).status, 200);
    assert.deepEqual(await past("-f", "event=resize"), [
      'container resize {"height":"11","image":"busybox","name":"sized","width":"77"}',
    ]);
    await berth("rm", "-f", "sized");

    for (const noun of ["container", "volume", "network", "image"]) await berth(noun, "prune", "-f");
    assert.deepEqual(
      (await past("-f", "event=prune")).map((line) => line.replace(/"\d+"/, "N")),
      ["container", "volume", "network", "image"].map((noun) => `${noun} prune {"reclaimed":N}`),
    );

    // Not the first process: the container runs on.
    const eater = "x=$(yes | head -c 100000000)";
    const script = `sh -c "${eater.replace("$", "\\$")}"; sleep 1000`;
    await berth("run", "-d", "-m", "20m", "--name", "hungry", "busybox", "sh", "-c", script);
    await eventually(
      () => past("-f", "event=oom", "-f", "container=hungry"),
      (lines) => lines.length > 0,
    );
    assert.equal(await berth("inspect", "-f", "{{.State.Running}}", "hungry"), "true");
    await berth("rm", "-f", "hungry");
  });

  it("are those of the past where there is only an end", async () => {
    await berth("volume", "create", "only");
    await berth("volume", "rm", "only");
    const until = String((Date.now() + 10) / 1000);
    const words = ["events", "--until", until, "--filter", "volume=only", "--format", "{{.Action}}"];
    assert.equal(await berth(...words), "create\ndestroy");
    const { status, body } = await engine.api("GET", "/events?since=20&until=10");
    assert.deepEqual(
      [status, JSON.parse(body).message],
      [400, "`since` time (20) cannot be after `until` time (10)"],
    );
  });
});
