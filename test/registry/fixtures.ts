import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { gzipSync } from "node:zlib";
import { type Digest, digestOf, hexOf } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { openFolderStorage } from "../../src/registry/folder-storage.ts";
import { createRegistry, type RegistryConfig } from "../../src/registry/registry.ts";
import { makeTar } from "../images/fixtures.ts";

const run = promisify(execFile);

export interface TestRegistry extends AsyncDisposable {
  /** "127.0.0.1:40123" */
  host: string;
  url: string;
  root: string;
  /** Ends the server and deletes its folder. */
  close(): Promise<void>;
}

/** A registry in this process, on a port and a folder of its own. */
export async function startRegistry(
  config: Partial<RegistryConfig> & { root?: string } = {},
): Promise<TestRegistry> {
  const root = config.root ?? mkdtempSync(join(tmpdir(), "berth-registry-"));
  const storage = config.storage ?? (await openFolderStorage(root));
  const registry = createRegistry({ logLevel: "silent", ...config, storage });
  const host = `127.0.0.1:${await registry.listen({ host: "127.0.0.1", port: 0 })}`;
  const close = async () => {
    await registry.close();
    if (!config.root) rmSync(root, { recursive: true, force: true });
  };
  return {
    host,
    url: `${config.tls ? "https" : "http"}://${host}`,
    root,
    close,
    [Symbol.asyncDispose]: close,
  };
}

export interface TestBlob {
  content: Buffer;
  digest: Digest;
}

export function makeBlob(content: Buffer | string = randomBytes(1000)): TestBlob {
  const bytes = Buffer.from(content as Buffer);
  return { content: bytes, digest: digestOf(bytes) };
}

/** An image manifest of these blobs, the first of which is the config. */
export function makeManifest(
  [config, ...layers]: readonly [TestBlob, ...TestBlob[]],
  more: object = {},
): TestBlob {
  const describe = ({ digest, content }: TestBlob, mediaType: string) => ({
    mediaType,
    digest,
    size: content.length,
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: describe(config, mediaTypes.config),
    layers: layers.map((layer) => describe(layer, mediaTypes.gzipLayer)),
    ...more,
  };
  return makeBlob(JSON.stringify(manifest));
}

/** Pushes a blob in one request. */
export async function pushBlob(url: string, name: string, { content, digest }: TestBlob): Promise<void> {
  const answer = await fetch(`${url}/v2/${name}/blobs/uploads/?digest=${digest}`, {
    method: "POST",
    body: new Uint8Array(content),
  });
  assert.equal(answer.status, 201, await answer.text());
}

export function putManifest(url: string, name: string, reference: string, manifest: TestBlob | Buffer) {
  return fetch(`${url}/v2/${name}/manifests/${reference}`, {
    method: "PUT",
    headers: {
      "Content-Type": JSON.parse(String("content" in manifest ? manifest.content : manifest)).mediaType,
    },
    body: new Uint8Array("content" in manifest ? manifest.content : manifest),
  });
}

/** Pushes an image of one random layer under the tag, and gives its parts. */
export async function pushImage(url: string, name: string, tag: string, more: object = {}) {
  const [config, layer] = [makeBlob(JSON.stringify({ random: randomBytes(8).toString("hex") })), makeBlob()];
  const manifest = makeManifest([config, layer], more);
  for (const blob of [config, layer]) await pushBlob(url, name, blob);
  const answer = await putManifest(url, name, tag, manifest);
  assert.equal(answer.status, 201, await answer.text());
  return { config, layer, manifest };
}

/** The code in an error's answer. */
export async function codeOf(answer: Response): Promise<string> {
  const { errors } = (await answer.json()) as { errors: [{ code: string; message: string }] };
  assert.ok(errors[0].message);
  return errors[0].code;
}

/** An image as an OCI layout in a folder, with layers of a file of so many random bytes each. */
export function makeLayout(folder: string, layerBytes: readonly number[], name = "made"): TestBlob {
  const layers = layerBytes.map((bytes, at) => makeTar([{ name: `file-${at}`, data: randomBytes(bytes) }]));
  const blobs = layers.map((layer) => makeBlob(gzipSync(layer, { level: 1 })));
  const config = makeBlob(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map((layer) => digestOf(layer)) },
    }),
  );
  const manifest = makeManifest([config, ...blobs]);
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  for (const { digest, content } of [config, manifest, ...blobs]) {
    writeFileSync(join(folder, "blobs/sha256", hexOf(digest)), content);
  }
  const { digest, content } = manifest;
  const annotations = { "org.opencontainers.image.ref.name": name };
  const entry = { mediaType: mediaTypes.manifest, digest, size: content.length, annotations };
  writeFileSync(join(folder, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return manifest;
}

/** Standard output of a command of skopeo's, which must succeed. */
export async function skopeo(...words: string[]): Promise<string> {
  const { stdout } = await run("timeout", ["-s", "KILL", "60", "skopeo", "--insecure-policy", ...words]);
  return stdout;
}
