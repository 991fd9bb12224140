import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, describe, it } from "node:test";
import { connectGrpc } from "../../src/buildkit/wire/client.ts";
import { serveGrpc } from "../../src/buildkit/wire/server.ts";
import { findTagged, serveContent, tagManifest } from "../../src/client/build/content-store.ts";
import { type Digest, digestOf, hexOf } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { openClientContent } from "../../src/grpc/client-content.ts";
import { writeFiles } from "../build/context-folder.ts";
import { eventually } from "../engine.ts";

type Step = PromiseWithResolvers<void>;

describe("a directory of blobs", async () => {
  const root = mkdtempSync(join(tmpdir(), "berth-content-"));
  const methods = (folder: string) =>
    new Map(serveContent(new Map([["local:x", { path: folder, isWritable: true }]])));
  let folder = "";
  const server = createServer((socket) => serveGrpc(socket, methods(folder)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  after(() => {
    server.close();
    rmSync(root, { recursive: true });
  });

  /** As an engine sees it, each time over a connection of its own. */
  async function withEngine(use: (content: ReturnType<typeof openClientContent>) => Promise<void>) {
    const { port } = server.address() as { port: number };
    const client = connectGrpc(connect(port, "127.0.0.1"));
    try {
      await use(openClientContent(client, "local:x"));
    } finally {
      client.close();
    }
  }
  const startFolder = (name: string) => {
    folder = join(root, name);
  };
  const blobs = () => readdirSync(join(folder, "blobs/sha256"));
  const ingest = () => readdirSync(join(folder, "ingest"));
  const blob = Buffer.alloc(300_000, "content");
  const digest = digestOf(blob);
  const named = { digest, sizeBytes: blob.length };

  it("takes the same blob from two builds at once, one of which is broken off", async () => {
    startFolder("twice");
    const [halfIsThere, bothBegun, oneIsDone] = [1, 2, 3].map(() => Promise.withResolvers<void>()) as [
      Step,
      Step,
      Step,
    ];
    async function* whole() {
      yield blob.subarray(0, 100_000);
      halfIsThere.resolve();
      await bothBegun.promise;
      yield blob.subarray(100_000);
    }
    async function* brokenOff() {
      bothBegun.resolve();
      await oneIsDone.promise;
      yield* [] as Buffer[];
      throw new Error("broken off");
    }
    await withEngine((one) =>
      withEngine(async (other) => {
        const writing = one.write(named, whole());
        await halfIsThere.promise;
        const breaking = assert.rejects(other.write(named, brokenOff()), /broken off/);
        await writing;
        oneIsDone.resolve();
        await breaking;
      }),
    );
    await eventually(ingest, (names) => names.length === 0);
    assert.deepEqual(blobs(), [hexOf(digest)]);
    assert.ok(readFileSync(join(folder, "blobs/sha256", hexOf(digest))).equals(blob));
  });

  it("loses what was left there long ago, and nothing else", async () => {
    startFolder("old");
    const [ours, index, fresh] = [`${"a".repeat(64)}-1f`, "index-0a", `${"b".repeat(64)}-2`];
    writeFiles(join(folder, "ingest"), {
      [ours]: "",
      [index]: "",
      [fresh]: "",
      other: "",
      "of/another/tool": "",
    });
    const long = new Date(Date.now() - 25 * 3600 * 1000);
    for (const name of [ours, index, "other", "of"]) utimesSync(join(folder, "ingest", name), long, long);
    await withEngine((content) => content.write(named, Readable.from([blob])));
    assert.deepEqual(ingest().sort(), [fresh, "of", "other"].sort());
  });

  it("is tagged with what it has, beside the tags that are there", () => {
    startFolder("tags");
    const manifests = ["one", "two"].map((text) => digestOf(text));
    mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
    const tag = (name: string, of: Digest, annotations?: object) => {
      const descriptor = { mediaType: mediaTypes.manifest, digest: of, size: 3, annotations };
      return tagManifest(folder, name, JSON.stringify(descriptor));
    };
    assert.equal(tag("none", manifests[0]!), false);
    assert.ok(!existsSync(join(folder, "index.json")), "it has no such manifest");
    writeFiles(join(folder, "blobs/sha256"), Object.fromEntries(manifests.map((one) => [hexOf(one), "x"])));
    assert.equal(tag("first", manifests[0]!), true);
    tag("second", manifests[1]!);
    tag("first", manifests[1]!);
    tag("third", digestOf("elsewhere"));
    assert.deepEqual(
      ["first", "second", "third"].map((name) => findTagged(folder, name)),
      [manifests[1], manifests[1], undefined],
    );
    // What is said of it stays, as far as it is text, and is no other tag.
    tag("noted", manifests[0]!, { a: "b", c: 1, d: {}, "org.opencontainers.image.ref.name": "first" });
    const index = JSON.parse(readFileSync(join(folder, "index.json"), "utf8"));
    assert.deepEqual(index.manifests.at(-1).annotations, {
      a: "b",
      "org.opencontainers.image.ref.name": "noted",
    });
    assert.equal(findTagged(folder, "first"), manifests[1]);
    for (const descriptor of ["null", "{}", '{"digest":"../../x","size":1}'])
      assert.throws(() => tagManifest(folder, "bad", descriptor), /a descriptor without a sha256 digest/);
    assert.deepEqual(ingest(), []);
    assert.deepEqual(readdirSync(folder).sort(), ["blobs", "index.json", "ingest", "oci-layout"]);
  });
});
