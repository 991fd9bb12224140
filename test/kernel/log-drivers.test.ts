import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("a container's log", () => {
  const { engine, berth } = useEngine();

  it("carries what its options select, which logs --details shows", async () => {
    const options = [
      "labels=color",
      "labels-regex=^si",
      "env=A",
      "env-regex=^B+$",
      "tag={{.Name}}/{{.ImageName}}",
    ];
    await berth(
      "run",
      ...["--name", "said", "-l", "color=a b", "-l", "size=1", "-l", "other=x"],
      ...["-e", "A=1", "-e", "BB=2", "-e", "C=3"],
      ...options.flatMap((option) => ["--log-opt", option]),
      ...["busybox", "echo", "hello"],
    );
    const attrs = { color: "a b", size: "1", A: "1", BB: "2", tag: "said/busybox" };
    const [line = ""] = readFileSync(await berth("inspect", "-f", "{{.LogPath}}", "said"), "utf8").split(
      "\n",
    );
    assert.deepEqual(JSON.parse(line).attrs, attrs);
    assert.equal(
      (await berth("logs", "--details", "said")).trim(),
      "A=1,BB=2,color=a+b,size=1,tag=said%2Fbusybox hello",
    );
    assert.equal(await berth("logs", "said"), "hello");
    await berth("rm", "said");
  });

  it("is read whichever driver keeps it, and none keeps nothing", async () => {
    for (const options of [
      [
        "--log-driver",
        "json-file",
        "--log-opt",
        "max-size=1k",
        "--log-opt",
        "max-file=9",
        "--log-opt",
        "compress=true",
      ],
      ["--log-driver", "local", "--log-opt", "max-size=1k", "--log-opt", "max-file=9"],
      ["--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=1m"],
    ]) {
      await berth("run", "--name", "kept", ...options, "busybox", "seq", "30");
      const all = Array.from({ length: 30 }, (_, n) => String(n + 1));
      assert.deepEqual((await berth("logs", "kept")).split("\n"), all, options.join(" "));
      assert.deepEqual((await berth("logs", "--tail", "25", "kept")).split("\n"), all.slice(5));
      assert.deepEqual((await berth("logs", "-f", "--since", "10m", "kept")).split("\n"), all);
      const path = await berth("inspect", "-f", "{{.LogPath}}", "kept");
      assert.equal(path === "", options.includes("local"));
      await berth("rm", "kept");
    }
    await berth(
      "run",
      "--name",
      "kept",
      "--log-driver",
      "none",
      "--log-opt",
      "any=x",
      "busybox",
      "seq",
      "30",
    );
    assert.match(
      (await engine.berth(["logs", "kept"])).stderr,
      /configured logging driver does not support reading/,
    );
    await berth("rm", "kept");
  });

  it("has only options that its driver knows, in Docker's words", async () => {
    const rows: [driver: string, options: Record<string, string>, words: string][] = [
      ["json-file", { foo: "x" }, "unknown log opt 'foo' for json-file log driver"],
      ["local", { labels: "a" }, "unknown log opt 'labels' for log driver local"],
      ["local", { mode: "x" }, "logger: logging mode not supported: x"],
      [
        "",
        { "max-buffer-size": "1m" },
        "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
      ],
      [
        "",
        { mode: "non-blocking", "max-buffer-size": "x" },
        "error parsing option max-buffer-size: invalid size: 'x'",
      ],
      ["", { tag: "{{.Foo}}" }, 'template: log-tag: cannot use "{{.Foo}}"'],
      ["", { tag: "{{range .}}" }, 'template: log-tag: cannot use "{{range .}}"'],
      ["", { tag: "{{.Name" }, 'template: log-tag: cannot use "{{.Name"'],
      [
        "",
        { "labels-regex": "((a{99}){99}){99}" },
        "invalid value for log opt 'labels-regex': expression is too large",
      ],
      [
        "",
        { compress: "true", "max-file": "1" },
        "failed to initialize logging driver: compress cannot be true when max-file is less than 2 or max-size is not set",
      ],
      ["nosuch", {}, 'error looking up logging plugin nosuch: plugin "nosuch" not found'],
    ];
    for (const [Type, Config, words] of rows) {
      const body = { Image: "busybox", Cmd: ["true"], HostConfig: { LogConfig: { Type, Config } } };
      const { status, body: answer } = await engine.api("POST", "/containers/create", body);
      assert.deepEqual([status, JSON.parse(answer).message], [400, words]);
    }
    assert.equal(await berth("ps", "-aq"), "");
  });
});
