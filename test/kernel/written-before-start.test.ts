import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, request } from "node:http";
import { join } from "node:path";
import { describe, it } from "node:test";
import { encodeEntry } from "../../src/formats/tar/tar-writer.ts";
import { eventually, useEngine } from "../engine.ts";

describe("a start while a client copies into the container", () => {
  const { engine, berth } = useEngine();
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
    const order: string[] = [];
    const { call, answer } = upload("copied");
    await sendHalf(call, "copied");
    const started = berth("start", "-a", "copied").then((size) => order.push(`started with ${size}`));
    const written = answer.then((status) => order.push(`written ${status}`));
    for (let round = 0; round < 3; round++) await berth("run", "--rm", "busybox", "true");
    assert.deepEqual(order, []);
    call.end(Buffer.concat([content, Buffer.alloc(1024)]));
    await Promise.all([started, written]);
    assert.deepEqual(order.sort(), [`started with ${content.length}`, "written 200"]);
    await berth("rm", "copied");
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
