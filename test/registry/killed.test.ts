import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { collectRegistryGarbage } from "../../src/registry/collect.ts";
import { openFolderStorage } from "../../src/registry/folder-storage.ts";
import { eventually } from "../engine.ts";
import { makeBlob, makeManifest, pushBlob, putManifest, type TestBlob } from "./fixtures.ts";
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

/** Pushes images of one small and one chunked layer until the server is gone; what was acknowledged is added to `taken`. */
async function pushUntilGone(url: string, name: string, taken: Map<string, TestBlob>): Promise<void> {
  for (let round = 0; ; round++) {
    const [config, small, large] = [makeBlob(), makeBlob(), makeBlob(randomBytes(3_000_000))];
    const begun = await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: "POST" });
    const location = url + begun.headers.get("location");
    for (const part of [large.content.subarray(0, 1_000_000), large.content.subarray(1_000_000)]) {
      await fetch(location, { method: "PATCH", body: new Uint8Array(part) });
    }
    const done = await fetch(`${location}?digest=${large.digest}`, { method: "PUT" });
    assert.equal(done.status, 201, await done.text());
    for (const blob of [config, small]) await pushBlob(url, name, blob);
    const manifest = makeManifest([config, small, large]);
    const tag = `t${round % 2}`;
    const answer = await putManifest(url, name, tag, manifest);
    assert.equal(answer.status, 201, await answer.text());
    taken.set(`${name}/manifests/${manifest.digest}`, manifest);
    for (const blob of [config, small, large]) taken.set(`${name}/blobs/${blob.digest}`, blob);
  }
}

it("killed at any moment, a server has what it has acknowledged, and nothing under a wrong digest", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-registry-"));
  const taken = new Map<string, TestBlob>();
  let server = await startServer(["--root", root]);
  try {
    for (let kills = 0; kills < 6; kills++) {
      const url = `http://${server.host}`;
      const before = taken.size;
      const ends = Promise.allSettled(["a", "b", "a/c"].map((name) => pushUntilGone(url, name, taken)));
      // Every other time in the middle of the first pushes, else of later ones.
      if (kills % 2)
        await eventually(
          () => taken.size,
          (size) => size > before,
        );
      // At any moment.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
      await server.end("SIGKILL");
      for (const end of await ends) {
        assert.ok(end.status === "rejected" && !(end.reason instanceof assert.AssertionError), String(end));
      }
      server = await startServer(["--root", root]);
    }
    for (const data of globSync(`${root}/docker/registry/v2/blobs/sha256/*/*/data`)) {
      assert.equal(makeBlob(readFileSync(data)).digest.slice(7), data.split("/").at(-2));
    }
    const storage = await openFolderStorage(root);
    const options = {
      isDryRun: false,
      withUntagged: false,
      graceMilliseconds: 600_000,
      uploadMilliseconds: 0,
    };
    await collectRegistryGarbage(storage, { ...options, report: () => {} });
    for (const [path, { digest }] of taken) {
      const answer = await fetch(`http://${server.host}/v2/${path}`);
      assert.equal(makeBlob(Buffer.from(await answer.arrayBuffer())).digest, digest, path);
    }
  } finally {
    await server.end("SIGKILL");
    rmSync(root, { recursive: true });
  }
});
