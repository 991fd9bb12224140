import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";

describe("berth builder", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-history-"));
  before(() => berth("image", "make", "busybox"));
  after(() => rmSync(folder, { recursive: true }));
  const history = (...words: string[]) => engine.berth(["builder", "history", ...words]);
  const build = (dockerfile: string, ...words: string[]) =>
    engine.berth(["build", ...words, writeFiles(join(folder, "context"), { Dockerfile: dockerfile })]);

  it("shows itself, and what it can build for", async () => {
    const { stdout } = await engine.berth(["builder", "ls"]);
    assert.match(
      stdout,
      /^NAME +ENDPOINT +STATUS +BUILDKIT +PLATFORMS\n\S+ +unix:\S+ +running +v0\.\S+ +linux\//,
    );
    assert.equal(await berth("builder", "ls", "--format", "{{.Status}}"), "running");
  });

  it("shows the builds that there were, what is known of them, and what they said", async () => {
    assert.equal((await history("inspect")).code, 1);
    const built = await build(
      "FROM busybox AS one\nARG A\nRUN echo hello\nFROM one AS two\nRUN echo unneeded\n",
      ...["-t", "app:1", "--target", "one", "--build-arg", "A=b", "--label", "c=d"],
    );
    assert.equal(built.code, 0, built.stderr);
    const failed = await build("FROM busybox\nRUN echo bye && exit 3\n");
    assert.equal(failed.code, 1);
    const listed = (await history("ls")).stdout;
    assert.match(
      listed,
      /^BUILD ID +NAME +STATUS +CREATED AT +DURATION\n\S{25} +Dockerfile +Error +.* ago +\S+s\n\S{25} +app \(one\)|app:1 \(one\)/,
    );
    const filtered = async (...filters: string[]) => {
      const words = filters.flatMap((filter) => ["--filter", filter]);
      return (await history("ls", "--format", "{{.Status}}", ...words)).stdout.trim().split("\n").join(" ");
    };
    assert.equal(await filtered("status=error"), "Error");
    assert.equal(await filtered("status!=error"), "Completed");
    assert.equal(await filtered("startedAt>1h"), "Error Completed");
    assert.equal(await filtered("completedAt<1h"), "");
    assert.equal(await filtered("status=error", "duration>1h"), "");
    assert.equal(await filtered("status=error", "duration<1h"), "Error");
    const bad = await history("ls", "--filter", "name=x");
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /failed to parse history filters .*: use status, ref and repository/);
    assert.match((await history("ls", "--filter", "nonsense")).stderr, /invalid filter "nonsense"/);
    const [last, first] = (await history("ls", "-q")).stdout.trim().split("\n") as [string, string];
    const facts = JSON.parse((await history("inspect", "--format", "json", first)).stdout);
    assert.deepEqual(facts.BuildArgs, { A: "b" });
    assert.deepEqual(facts.Labels, { c: "d" });
    assert.deepEqual([facts.Status, facts.Target, facts.Error], ["Completed", "one", ""]);
    assert.ok(facts.Steps.Total >= 3 && facts.Steps.Completed === facts.Steps.Total);
    const shown = (await history("inspect", last.slice(0, 8))).stdout;
    assert.match(shown, /Status: +Error\nError: +process .*exit code: 3\n/);
    const withoutAges = ({ stdout }: { stdout: string }) => stdout.replace(/.* ago\b.*/g, "");
    assert.equal(withoutAges(await history("inspect", "^1")), withoutAges(await history("inspect", first)));
    assert.match(
      (await history("logs", first)).stdout,
      /RUN echo hello\n(?:.*\n)*?#\d+ \d+\.\d+ hello\n#\d+ DONE/,
    );
    assert.match((await history("logs")).stdout, /bye\n#\d+ ERROR: process/);
  });

  it("shows a build that runs, and removes those that are over", async () => {
    const running = build("FROM busybox\nRUN echo begun && sleep 5\n");
    await eventually(
      async () => (await history("ls", "--format", "{{.Status}}")).stdout,
      (text) => text.startsWith("Running"),
    );
    assert.match((await history("logs")).stdout, /begun\n#\d+ DONE \d/);
    assert.equal((await running).code, 0);
    const [ref] = (await history("ls", "-q")).stdout.split("\n") as [string];
    assert.equal((await history("rm", ref.slice(0, 12))).stdout, `${ref}\n`);
    const gone = await history("rm", ref);
    assert.deepEqual([gone.code, gone.stderr], [1, `no such build: ${ref}\n`]);
    assert.equal((await history("rm")).code, 1);
    assert.equal((await history("rm", "--all")).stdout.trim().split("\n").length, 2);
    assert.equal((await history("ls", "-q")).stdout, "");
    assert.match((await history()).stderr, /berth builder history COMMAND/);
    assert.match((await history("nosuch")).stderr, /unknown command: berth builder history nosuch/);
  });
});
