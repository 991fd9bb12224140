import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { eventually } from "../engine.ts";
import { makeBlob, pushImage, startRegistry } from "./fixtures.ts";
import { startServer } from "./server.ts";
import { makeBucket } from "./storages.ts";

it("two servers share a bucket: an upload goes on at the one when the other is killed", async () => {
  const bucket = await makeBucket();
  const { bucket: name, endpoint = "", prefix = "" } = bucket.config;
  const words = ["--s3-bucket", name, "--s3-endpoint", endpoint, "--s3-path-style", "--s3-prefix", prefix];
  const env = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret" };
  const [one, other] = await Promise.all([startServer(words, env), startServer(words, env)]);
  try {
    const blob = makeBlob(randomBytes(30_000_000));
    const begun = await fetch(`http://${one.host}/v2/app/blobs/uploads/`, { method: "POST" });
    const location = begun.headers.get("location") ?? "";
    const headers = { "Content-Length": blob.content.length };
    const cut = request(`http://${one.host}${location}`, { method: "PATCH", headers });
    cut.on("error", () => {});
    cut.write(blob.content.subarray(0, 20_000_000));
    const uploaded = async () => {
      const answer = await fetch(`http://${other.host}${location}`);
      return Number(answer.headers.get("range")?.slice(2)) + 1;
    };
    await eventually(uploaded, (bytes) => bytes >= 16 << 20);
    await one.end("SIGKILL");
    const rest = new Uint8Array(blob.content.subarray(await uploaded()));
    const done = await fetch(`http://${other.host}${location}?digest=${blob.digest}`, {
      method: "PUT",
      body: rest,
    });
    assert.equal(done.status, 201, await done.text());
    const found = await fetch(`http://${other.host}/v2/app/blobs/${blob.digest}`);
    assert.equal(makeBlob(Buffer.from(await found.arrayBuffer())).digest, blob.digest);
  } finally {
    await Promise.all([one.end("SIGKILL"), other.end("SIGKILL")]);
    await bucket.close();
  }
});

it("says what is wrong with a bucket", async () => {
  const bucket = await makeBucket();
  const { endpoint = "" } = bucket.config;
  const env = { AWS_ACCESS_KEY_ID: "key", AWS_SECRET_ACCESS_KEY: "secret", AWS_MAX_ATTEMPTS: "1" };
  const start = (...words: string[]) => startServer(["--s3-path-style", ...words], env);
  try {
    const none = start("--s3-bucket", "none", "--s3-endpoint", endpoint);
    await assert.rejects(none, /bucket none at http\S+ cannot be used: it does not exist; create it first/);
    const nowhere = start("--s3-bucket", "images", "--s3-endpoint", "http://127.0.0.1:1");
    await assert.rejects(nowhere, /cannot be used: .*ECONNREFUSED/);
    const half = start("--s3-bucket", "images", "--s3-endpoint", endpoint, "--s3-access-key-id", "key");
    await assert.rejects(half, /go together/);
  } finally {
    await bucket.close();
  }
});

it("mirrors with a password from the environment, and refuses an address that is none", async () => {
  const origin = await startRegistry({
    checkPassword: async (user, password) => user === "anna" && password === "secret",
  });
  const open = await startRegistry({ root: origin.root });
  const root = mkdtempSync(join(tmpdir(), "berth-registry-"));
  const env = { BERTH_MIRROR_USERNAME: "anna", BERTH_MIRROR_PASSWORD: "secret" };
  try {
    const { manifest, layer } = await pushImage(open.url, "app", "v1");
    const server = await startServer(["--root", root, "--mirror", origin.url], env);
    const tag = await fetch(`http://${server.host}/v2/app/manifests/v1`);
    assert.equal(tag.headers.get("docker-content-digest"), manifest.digest);
    const found = await fetch(`http://${server.host}/v2/app/blobs/${layer.digest}`);
    assert.deepEqual(Buffer.from(await found.arrayBuffer()), layer.content);
    assert.equal(await server.end(), 0, "SIGTERM ends it in order");
    for (const address of ["somewhere", "ftp://x", "https://x/path", "https://user:word@x"]) {
      await assert.rejects(startServer(["--root", root, "--mirror", address]), /invalid mirror/);
    }
  } finally {
    await open.close();
    await origin.close();
    rmSync(root, { recursive: true });
  }
});
