import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, it, mock } from "node:test";
import { fetchFile } from "../../src/build/solve/fetch-file.ts";

describe("a file of the web", () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-fetch-"));
  let answer: (response: ServerResponse) => void;
  const server = createServer((_, response) => answer(response));
  before(() => new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening)));
  afterEach(() => mock.timers.reset());
  after(() => {
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });

  let count = 0;
  function begin(signal = new AbortController().signal) {
    const target = join(folder, `${count++}`);
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/file`;
    const request = { url, target, proxies: { http: undefined, https: undefined, exceptions: [] } };
    return { target, done: fetchFile(request, signal) };
  }
  const isWritten = async (path: string, bytes: number) => {
    while (!existsSync(path) || readFileSync(path).length < bytes)
      await new Promise((turn) => setTimeout(turn, 5));
  };

  it("that comes too slowly is given up, and nothing is left of it", async () => {
    mock.timers.enable({ apis: ["setInterval"] });
    let response: ServerResponse | undefined;
    answer = (one) => {
      response = one;
      one.write("x".repeat(60_000));
    };
    const { target, done } = begin();
    const failed = assert.rejects(done, {
      kind: "unavailable",
      message:
        /^failed to load http:\/\/127\.0\.0\.1:\d+\/file: Operation too slow\. Less than 100 bytes\/sec transferred the last 600 seconds$/,
    });
    await isWritten(target, 60_000);
    mock.timers.tick(600_000);
    response?.write("x".repeat(59_999));
    await isWritten(target, 119_999);
    mock.timers.tick(600_000);
    await failed;
    assert.equal(existsSync(target), false);
  });

  it("that is cut off is given up by name", async () => {
    answer = (one) => {
      one.writeHead(200, { "content-length": "10" });
      one.write("x", () => one.destroy());
    };
    await assert.rejects(begin().done, { kind: "unavailable", message: /^failed to load http:\S+\/file: / });
  });

  it("that is not wanted any more ends with the reason", async () => {
    const stop = new AbortController();
    answer = (one) => one.write("x");
    const { target, done } = begin(stop.signal);
    await isWritten(target, 1);
    stop.abort(new Error("enough"));
    await assert.rejects(done, { message: "enough" });
  });
});
