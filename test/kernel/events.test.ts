import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("events", () => {
  const { engine, berth } = useEngine();

  it("tell a container's life in order, live and afterwards", async () => {
    const since = String(Math.floor(Date.now() / 1000) - 1);
    const live = engine.berth([
      "events",
      "--since",
      since,
      "--until",
      String(Math.ceil(Date.now() / 1000) + 3),
      "--filter",
      "container=told",
      "--format",
      "{{.Action}}",
    ]);
    assert.equal(
      (await engine.berth(["run", "--name", "told", "-l", "k=v", "busybox", "sh", "-c", "exit 3"])).code,
      3,
    );
    await berth("rename", "told", "retold");
    await berth("rename", "retold", "told");
    await berth("rm", "told");
    const actions = (await live).stdout.trim().split("\n");
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
      const result = await engine.cli("env")(words, { timeoutSeconds: 20 });
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
});
