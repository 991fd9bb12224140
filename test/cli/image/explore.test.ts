import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { fileURLToPath } from "node:url";
import { drawExplorer } from "../../../src/cli/image/explore-draw.ts";
import {
  applyRules,
  judgePacking,
  type PackingRules,
  parsePackingRules,
  usualRules,
} from "../../../src/cli/image/explore-rules.ts";
import { press, startExploring } from "../../../src/cli/image/explore-state.ts";
import type { ImageAnalysis, LayerEntry } from "../../../src/formats/docker-api/docker-api-layers.ts";
import { viewLayer } from "../../../src/formats/image-tree-view.ts";
import { useEngine } from "../../engine.ts";

const analysis: ImageAnalysis = {
  ...{ Image: "sha256:0", Size: 1000, WastedBytes: 100, Efficiency: 0.9, UserWastedPercent: 0.2 },
  ...{ WastedFiles: 1, Wasted: [{ Path: "etc/a", Copies: 2, Bytes: 100 }] },
  Layers: [0, 1].map((number) => ({
    ...{ Number: number, Digest: "sha256:1", CreatedBy: `step \u001b[2J${number}`, Comment: "" },
    ...{ Created: "", Size: 500, Added: 1, Modified: 0, Removed: 0 },
  })),
};

test("rules are read as dive has them, and judge an image", () => {
  assert.deepEqual(parsePackingRules(""), usualRules());
  const rules: PackingRules = parsePackingRules(
    "rules:\n  lowestEfficiency: 0.95\n  highestWastedBytes: 20MB\n  highestUserWastedPercent: disabled\n",
  );
  const read: PackingRules = {
    lowestEfficiency: 0.95,
    highestWastedBytes: 20_000_000,
    highestUserWastedPercent: undefined,
  };
  assert.deepEqual(rules, read);
  const verdicts = (one: PackingRules) =>
    judgePacking(analysis, one).map(({ rule, isKept }) => `${rule} ${isKept}`);
  assert.deepEqual(verdicts(rules), ["lowestEfficiency false", "highestWastedBytes true"]);
  assert.deepEqual(verdicts(applyRules(rules, { lowestEfficiency: "0.9", highestWastedBytes: "99B" })), [
    "lowestEfficiency true",
    "highestWastedBytes false",
  ]);
  for (const [text, message] of [
    ["rules: 1", /rules must be a list/],
    ["rules:\n  lowest: 1", /unknown rule "lowest" \(there are lowestEfficiency, /],
    ["rules:\n  lowestEfficiency: 2", /invalid value 2 for lowestEfficiency: a number from 0 to 1/],
    ["rules:\n  lowestEfficiency: true", /invalid value true/],
    ["rules:\n  highestWastedBytes: much", /invalid value "much" for highestWastedBytes: a size/],
    ["a: &a [1]\nb: [*a, *a]", /Alias/],
  ] as const)
    assert.throws(() => parsePackingRules(text), message, text);
});

test("keys walk through layers and files, and nothing that an image is called commands the terminal", () => {
  const entry = (Path: string, Kind: LayerEntry["Kind"], Size = 0): LayerEntry => ({
    ...{ Path, Kind, Mode: 0o644, UID: 0, GID: 0, Size },
  });
  const layers = [
    [entry("etc", "directory"), entry("etc/a", "file", 100), entry("\u001b]0;title\u0007", "file", 1)],
    [entry("etc", "directory"), entry("etc/a", "file", 50)],
  ];
  const state = startExploring(1);
  state.view = viewLayer(layers);
  const type = (name: string, text = "") => press(state, { name, text, isControl: false }, 10, 2);
  const draw = (hasColors = true) =>
    drawExplorer(state, { name: "two", analysis }, { rows: 24, columns: 100, hasColors }).join("\n");
  assert.doesNotMatch(draw(), /etc\/a|▾/);
  type("tab");
  type("down");
  assert.equal(type("return"), undefined);
  assert.match(draw(), /~ 0644 0:0 +50B {2}▾ etc/);
  type("down");
  assert.deepEqual(type("return"), { kind: "file", path: "etc/a" });
  assert.ok(draw().includes("\u001b[33m"));
  assert.ok(!draw(false).includes("\u001b[33m"));
  type("/", "/");
  for (const letter of "title") type(letter, letter);
  type("return");
  assert.match(draw(), /\ufffd\]0;title\ufffd/);
  for (const command of ["\u001b]", "\u0007", "\u001b[2J"]) assert.ok(!draw().includes(command));
  type("escape");
  type("u");
  assert.doesNotMatch(draw(), /title/);
  type("tab");
  assert.deepEqual(type("up"), { kind: "layer", number: 0 });
  assert.equal(type("up"), undefined);
  assert.deepEqual(press(state, { name: "c", text: "", isControl: true }, 10, 2), { kind: "quit" });
});

describe("berth image explore", () => {
  const { engine, berth } = useEngine();

  it("prints what each layer does, as text and as JSON, and judges it", async () => {
    await berth(
      "run",
      "--name",
      "one",
      "busybox",
      "sh",
      "-c",
      "head -c 3000000 /bin/busybox > /copy; rm /bin/wget",
    );
    await berth("commit", "one", "once");
    await berth("run", "--name", "two", "once", "sh", "-c", "rm /copy; echo text > /note");
    await berth("commit", "-c", "LABEL a=b", "two", "twice");
    const text = await berth("image", "explore", "twice");
    assert.match(text, /^LAYER +SIZE +ADDED +MODIFIED +REMOVED +CREATED BY\n0 /);
    assert.match(text, /efficiency \d+\.\d %\n\nWASTED +COPIES +PATH\n/);
    assert.match(text, / +1 +\/copy\n?/);
    const found = JSON.parse(await berth("image", "explore", "--json", "twice")) as ImageAnalysis;
    assert.equal(found.Layers.length, 3);
    assert.equal(found.Layers.at(-1)?.Removed, 1);
    const judge = (...flags: string[]) => engine.berth(["image", "explore", "--ci", ...flags, "twice"]);
    const good = await judge("--lowest-efficiency", "0.1", "--highest-user-wasted-percent", "disabled");
    assert.deepEqual([good.code, good.stdout.split(":")[0]], [0, "PASS  lowestEfficiency"]);
    const rules = join(engine.folder, "rules.yaml");
    writeFileSync(rules, "rules:\n  highestWastedBytes: 1kB\n");
    const bad = await judge("--ci-config", rules);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /^FAIL {2}highestWastedBytes: .* are wasted, and 1kB may be$/m);
    writeFileSync(rules, "rules:\n  most: 1kB\n");
    assert.match(
      (await judge("--ci-config", rules)).stderr,
      /cannot read the rules in .*: unknown rule "most"/,
    );
    const none = await engine.berth(["image", "explore", "none"]);
    assert.deepEqual(
      [none.code, none.stderr.trim()],
      [1, "Error response from daemon: No such image: none:latest"],
    );
  });

  it("refuses by the API what is no layer, no file and no platform", async () => {
    const get = async (path: string) => {
      const { status, body } = await engine.api("GET", `/v1.51/berth/images/twice/layers${path}`);
      return [status, (JSON.parse(body) as { message: string }).message];
    };
    assert.deepEqual((await get("/9/entries"))[0], 404);
    assert.deepEqual(await get("/x/entries"), [400, 'invalid layer number: "x"']);
    assert.deepEqual(await get("/1/file"), [400, "path is required"]);
    assert.deepEqual(await get("/1/file?path=/etc"), [
      404,
      "there is no file /etc in this layer or below it",
    ]);
    assert.equal(
      (await get("?platform=%7B%22os%22%3A%22plan9%22%2C%22architecture%22%3A%22z80%22%7D"))[0],
      404,
    );
    const { status, body } = await engine.api("GET", "/v1.51/berth/images/twice/layers/2/file?path=/note");
    assert.deepEqual([status, body], [200, "text\n"]);
  });

  it("walks through an image in a terminal, and gives the terminal back", async () => {
    const shown = await inTerminal(
      engine.host,
      ["image", "explore", "twice"],
      [
        // Once the layer's files are there.
        ["▸", "\t"],
        ["changes only", "/note"],
        ["filter: note", "\r"],
        ["+ 0644", "\r"],
        ["q: back", "q"],
        ["+ 0644", "q"],
      ],
    );
    assert.ok(shown.includes("\u001b[?1049h"));
    assert.match(shown, /FILES UP TO LAYER 2/);
    assert.match(shown, /\+ 0644 0:0 +5B +note/);
    assert.ok(shown.replaceAll("\r\r", "\r").includes("/note\u001b[0m\u001b[K\r\n\u001b[K\r\ntext"));
    assert.ok(shown.includes("\u001b[?25h\u001b[?1049l"));
  });
});

/** Types each key once the screen that is drawn after the last one has the text before it. @returns all that came */
function inTerminal(host: string, words: string[], keys: readonly (readonly [string, string])[]) {
  const berth = fileURLToPath(new URL("../../../dist/cli/main.js", import.meta.url));
  const line = [process.execPath, berth, ...words].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qefc", `stty rows 30 cols 120; ${line}`, "/dev/null"], {
    env: { ...process.env, DOCKER_HOST: host, TERM: "xterm" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let [text, unread] = ["", ""];
  const left = [...keys];
  return new Promise<string>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (part: string) => {
      text += part;
      unread += part;
      const [[awaited, key] = ["", ""]] = left;
      if (awaited === "" || !unread.includes(awaited)) return;
      left.shift();
      unread = "";
      child.stdin.write(key);
    });
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(text) : reject(new Error(`exit ${code}: ${text}`))));
  });
}
