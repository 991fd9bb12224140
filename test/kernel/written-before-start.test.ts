import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { type ClientRequest, request } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { encodeEntry } from "../../src/formats/tar/tar-writer.ts";
import { eventually, useEngine } from "../engine.ts";

describe("a start while a client copies into the container", () => {
  const { engine, berth } = useEngine();
  const never = "0001-01-01T00:00:00Z";
  const content = Buffer.alloc(1 << 20, "x");

  const entry = (name: string, sizeBytes: number) =>
    encodeEntry({
      name,
      type: "file",
      mode: 0o644,
      uid: 0,
      gid: 0,
      sizeBytes,
      mtime: { seconds: 0, nanoseconds: 0 },
    });

  function upload(name: string): { call: ClientRequest; answer: Promise<number | undefined> } {
    const call = request({
      socketPath: join(engine.execRoot, "berth.sock"),
      method: "PUT",
      path: `/containers/${name}/archive?path=/`,
      agent: false,
    });
    const answer = once(call, "response").then(
      ([response]) => {
        response.resume();
        return response.statusCode;
      },
      () => undefined,
    );
    call.flushHeaders();
    return { call, answer };
  }

  /** Sends a part, and waits until it is there. */
  async function sendHalf(call: ClientRequest, name: string): Promise<void> {
    call.write(Buffer.concat([entry("first", 1), Buffer.alloc(512), entry("second", content.length)]));
    const ask = () => engine.api("HEAD", `/containers/${name}/archive?path=/first`);
    await eventually(ask, ({ status }) => status === 200);
  }

  it("waits until all is written, since two mounts would spoil its files", async () => {
    await berth("create", "--name", "copied", "busybox", "stat", "-c", "%s", "/second");
    const { call, answer } = upload("copied");
    await sendHalf(call, "copied");
    let isOver = false;
    const started = berth("start", "-a", "copied").finally(() => (isOver = true));
    for (let round = 0; round < 3; round++) await berth("run", "--rm", "busybox", "true");
    assert.equal(isOver, false);
    assert.equal(await berth("inspect", "-f", "{{.State.StartedAt}}", "copied"), never);
    call.end(Buffer.concat([content, Buffer.alloc(1024)]));
    assert.deepEqual(await Promise.all([started, answer]), [`${content.length}`, 200]);
    await berth("rm", "copied");
  });

  it("is ended by a stop and by a removal while it waits, and has used no volumes until then", async () => {
    const since = Math.floor(Date.now() / 1000);
    for (const words of [["stop"], ["rm", "-f"]]) {
      await berth("create", "--name", "waiting", "-v", "unused:/unused", "busybox", "true");
      const { call, answer } = upload("waiting");
      await sendHalf(call, "waiting");
      const started = engine.berth(["start", "waiting"]);
      await eventually(
        () => berth("inspect", "-f", "{{.State.StartedAt}}", "waiting"),
        (at) => at === never,
      );
      await berth(...words, "waiting");
      const { code, stderr } = await started;
      assert.notEqual(code, 0, stderr);
      call.destroy();
      assert.equal(await answer, undefined);
      await engine.berth(["rm", "-f", "waiting"]);
    }
    const until = `${Math.floor(Date.now() / 1000) + 1}`;
    const words = ["--since", `${since}`, "--until", until, "-f", "volume=unused", "--format", "{{.Action}}"];
    assert.deepEqual((await berth("events", ...words)).split("\n"), ["create"]);
    await berth("volume", "rm", "unused");
  });

  it("is no harm to an upload that waits for another: a damaged one is refused, one whose client leaves is over", async () => {
    const unpackers = () =>
      spawnSync("pgrep", ["-P", `${engine.pid()}`, "-x", "xz|bzip2"], { encoding: "utf8" }).stdout;
    await berth("create", "--name", "queued", "busybox", "true");
    const first = upload("queued");
    await sendHalf(first.call, "queued");
    const damaged = ["xz", "bzip2"].map((program) => {
      const archive = execFileSync(program, ["-c"], { input: randomBytes(100_000) });
      archive.fill(0x55, 1000, 2000);
      const sent = upload("queued");
      sent.call.end(archive);
      return sent;
    });
    const leaving = upload("queued");
    leaving.call.write(execFileSync("xz", ["-c"], { input: randomBytes(500_000) }).subarray(0, 400_000));
    for (let round = 0; round < 3; round++) await berth("run", "--rm", "busybox", "true");
    leaving.call.destroy();
    assert.equal(await leaving.answer, undefined);
    await eventually(unpackers, (pids) => pids === "");
    await berth("run", "--rm", "busybox", "true");
    first.call.end(Buffer.concat([content, Buffer.alloc(1024)]));
    assert.equal(await first.answer, 200);
    for (const { answer } of damaged) assert.equal(await answer, 400);
    await eventually(unpackers, (pids) => pids === "");
    await berth("rm", "queued");
  });

  it("does not wait for one that sends nothing, or that has left", async () => {
    await berth("create", "--name", "left", "busybox", "true");
    const silent = upload("left");
    await berth("start", "left");
    await berth("wait", "left");
    const { call, answer } = upload("left");
    await sendHalf(call, "left");
    const started = berth("start", "left");
    call.destroy();
    assert.equal(await answer, undefined);
    await started;
    silent.call.destroy();
    await berth("rm", "-f", "left");
  });
});
