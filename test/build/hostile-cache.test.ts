import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { cacheConfigType } from "../../src/formats/cache-config.ts";
import { type Digest, hexOf } from "../../src/formats/digest.ts";
import { type Descriptor, mediaTypes } from "../../src/formats/oci-manifest.ts";
import {
  addBlob,
  addManifest,
  type Content,
  createContent,
  serveContent,
  startServer,
  type TestServer,
} from "../distribution/fixtures.ts";
import { useEngine } from "../engine.ts";
import { useDocker } from "./docker-client.ts";

interface CacheDocument {
  layers: { blob: Digest; parent: number }[];
  records: { digest: Digest; layers: { layer: number }[]; inputs?: { link: number }[][] }[];
}

/** A cache as its place would give it, to be spoiled. */
interface Cache {
  config: CacheDocument;
  layers: Descriptor[];
  blobs: Map<Digest, Buffer>;
}

describe("a build cache from a liar", () => {
  const { engine, berth } = useEngine();
  const { context, run, folder } = useDocker(engine);
  let server: TestServer;
  const dest = join(folder, "cache");
  let place = "";
  let original: Cache;
  before(async () => {
    await berth("image", "make", "busybox");
    server = await startServer(serveContent(createContent()));
    place = context("app", {
      Dockerfile: "FROM busybox\nCOPY x /x\nRUN cat /x /x > /twice\n",
      x: "content\n",
    });
    const built = await run("build", "--cache-to", `type=local,dest=${dest},mode=max`, place);
    assert.equal(built.code, 0, built.stderr);
    original = readCache();
  });
  after(() => server[Symbol.asyncDispose]());

  const blobOf = (digest: string) => readFileSync(join(dest, "blobs/sha256", hexOf(digest)));
  function readCache(): Cache {
    const index = JSON.parse(readFileSync(join(dest, "index.json"), "utf8"));
    const manifest = JSON.parse(blobOf(index.manifests[0].digest).toString());
    return {
      config: JSON.parse(blobOf(manifest.config.digest).toString()),
      layers: manifest.layers,
      blobs: new Map(manifest.layers.map(({ digest }: Descriptor) => [digest, blobOf(digest)])),
    };
  }

  function serve(cache: Cache, config: Buffer | string = JSON.stringify(cache.config)): Content {
    const content = createContent();
    for (const [digest, bytes] of cache.blobs) content.blobs.set(digest, bytes);
    const described = { ...addBlob(content, config), mediaType: cacheConfigType };
    addManifest(content, "1", mediaTypes.manifest, { config: described, layers: cache.layers });
    server.handle = serveContent(content);
    return content;
  }

  /** Builds with an empty cache of its own. @returns what the progress says */
  async function build(): Promise<string> {
    await engine.berth(["rmi", "-f", "app"]);
    assert.equal((await run("buildx", "prune", "-af")).code, 0);
    const built = await run(
      ...["build", "--progress=plain", "-t", "app", "--cache-from", `${server.host}/cache:1`, place],
    );
    assert.equal(built.code, 0, built.stderr);
    assert.equal(await berth("run", "--rm", "app", "cat", "/twice"), "content\ncontent");
    return built.stderr;
  }

  const cachedSteps = (text: string) => text.match(/^#\d+ CACHED/gm)?.length ?? 0;
  const clone = () => ({ ...structuredClone(original), blobs: new Map(original.blobs) });
  const last = (cache: Cache) => cache.layers.at(-1) as Descriptor;

  it("is believed when it says the truth", async () => {
    serve(clone());
    assert.equal(cachedSteps(await build()), 3);
  });

  it("is left out, and the build goes on, when its config is none", async () => {
    const circle = clone();
    circle.config.records.forEach((record, at, all) => {
      record.inputs = [[{ link: (at + 1) % all.length }]];
    });
    const astray = clone();
    for (const { layers } of astray.config.records) layers[0]!.layer = 99;
    const many = clone();
    many.config.records = Array.from({ length: 60_000 }, () => ({}) as never);
    for (const [config, why] of [
      [JSON.stringify(circle.config), /invalid cache config: its records go round in a circle/],
      [JSON.stringify(astray.config), /invalid cache config: a record leads to a layer that is not there/],
      [JSON.stringify(many.config), /invalid cache config: (records has more than|too many values)/],
      ["[".repeat(100_000), /invalid cache config: too many values, or nested too deep/],
      ['{"records":{"a":1},"layers":"x"}', /invalid cache config: layers is not a list/],
      ["\0\ufffd", /invalid cache config/],
      [Buffer.alloc(5 * 1024 * 1024, 32), /larger than 4194304 bytes/],
    ] as const) {
      serve(clone(), config);
      const text = await build();
      assert.match(text, why);
      assert.equal(cachedSteps(text), 1, text);
    }
  });

  it("gives nothing that its digest does not stand for", async () => {
    const other = clone();
    const top = last(other);
    other.blobs.set(top.digest, Buffer.alloc(top.size, 7));
    serve(other);
    assert.match(
      await build(),
      /importing cache layer of .*\n.*\n?.*ERROR: .*(verification failed|wrong digest)/,
    );
    const gone = clone();
    gone.blobs.delete(last(gone).digest);
    serve(gone);
    assert.match(await build(), /ERROR: .*blob unknown/i);
    const longer = clone();
    last(longer).size += 1000;
    serve(longer);
    assert.match(await build(), /ERROR: .*(size mismatch|unexpected EOF)/);
    const content = serve(clone());
    const [config] = [...content.blobs].filter(([digest]) => !original.blobs.has(digest));
    content.blobs.set(config![0], Buffer.from("{}"));
    assert.match(await build(), /ERROR: .*wrong digest/);
  });

  it("gives no archive under another's name, and no step on anything else than it was done on", async () => {
    const renamed = clone();
    renamed.layers.at(-1)!.annotations = {
      "containerd.io/uncompressed": `sha256:${"a".repeat(64)}`,
    };
    serve(renamed);
    assert.match(await build(), /ERROR: .*wrong diff id/);
    const turned = clone();
    const { layers } = turned.config;
    layers.at(-1)!.parent = -1;
    serve(turned);
    // Its last step stands on nothing there, and is done again.
    assert.equal(cachedSteps(await build()), 2);
  });
});
