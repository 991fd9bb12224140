import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { makeBlob } from "./fixtures.ts";
import { startServer } from "./server.ts";

/** Sends a part of a PATCH and waits until the server has stored some of it, then leaves the request open. */
async function sendPart(url: string, part: Buffer): Promise<() => void> {
  const call = request(url, { method: "PATCH", headers: { "Content-Length": part.length * 2 } });
  call.on("error", () => {});
  await new Promise<void>((resolve) => call.write(part, () => resolve()));
  return () => call.destroy();
}

const uploaded = async (url: string) => {
  const answer = await fetch(url);
  assert.equal(answer.status, 204);
  const end = Number(answer.headers.get("range")?.slice(2));
  return end === 0 ? 0 : end + 1;
};

it("an upload goes on where a server that was killed has left it, and so does one more often cut off", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-registry-"));
  const blob = makeBlob(randomBytes(30_000_000));
  let server = await startServer(["--root", root]);
  try {
    const begun = await fetch(`http://${server.host}/v2/app/blobs/uploads/`, { method: "POST" });
    const path = begun.headers.get("location") ?? "";
    for (let kills = 0; kills < 3; kills++) {
      const url = `http://${server.host}${path}`;
      const before = await uploaded(url);
      const hangUp = await sendPart(url, blob.content.subarray(before, before + 7_000_000));
      let stored = before;
      // What is on its way when the server dies is sent again.
      for (let tries = 0; stored === before && tries < 1000; tries++) stored = await uploaded(url);
      assert.ok(stored > before);
      await server.end("SIGKILL");
      hangUp();
      server = await startServer(["--root", root]);
      assert.ok(
        (await uploaded(`http://${server.host}${path}`)) >= stored,
        "nothing that was stored is lost",
      );
    }
    const url = `http://${server.host}${path}`;
    const rest = new Uint8Array(blob.content.subarray(await uploaded(url)));
    const done = await fetch(`${url}?digest=${blob.digest}`, { method: "PUT", body: rest });
    assert.equal(done.status, 201, await done.text());
    const found = await fetch(`http://${server.host}/v2/app/blobs/${blob.digest}`);
    assert.equal(makeBlob(Buffer.from(await found.arrayBuffer())).digest, blob.digest);
    assert.equal(await server.end(), 0, "SIGTERM ends it in order");
  } finally {
    await server.end("SIGKILL");
    rmSync(root, { recursive: true });
  }
});
