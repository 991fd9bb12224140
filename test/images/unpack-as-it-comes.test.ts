import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, it } from "node:test";
import { digestOf, hexOf } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import {
  load,
  type Member,
  makeDockerArchive,
  makeTar,
  openStore,
  readStream,
  type Store,
} from "./fixtures.ts";

/** Enough for a layer not to be spooled. */
const bigBytes = 3 << 20;
const big = (name: string): Member => ({ name, data: randomBytes(bigBytes) });
const archiveOf = (...tars: Buffer[]) =>
  makeDockerArchive([{ layers: tars.map((tar) => ({ tar })), tags: ["x:1"] }]);

function contentOf(root: string): string[] {
  return ["blobs/tmp", "blobs/sha256", "blobs/frames", "layers"].flatMap((folder) =>
    readdirSync(join(root, folder)).map((name) => `${folder}/${name}`),
  );
}

/** What `save` says of a layer, taken out of the archive. */
async function savedLayer({ images }: Store, name: string, tar: Buffer): Promise<Buffer> {
  const input = await readStream(await images.save([name]));
  const file = `blobs/sha256/${hexOf(digestOf(tar))}`;
  return execFileSync("tar", ["-xOf", "-", file], { input, maxBuffer: 1 << 30 });
}

describe("a layer that is unpacked as it comes", () => {
  it("needs no room for its archive beside it, loaded or imported", async () => {
    const tar = makeTar(
      Array.from({ length: 8 }, (_, at) => ({ name: `f${at}`, data: randomBytes(1 << 20) })),
    );
    await using store = await openStore(undefined, 12);
    await load(store.images, archiveOf(tar));
    assert.deepEqual(await savedLayer(store, "x:1", tar), tar);
    await store.images.remove("x:1", { force: true, noPrune: false, users: new Map() });
    const chunks = Array.from({ length: 200 }, (_, at) => tar.subarray(at * 65_536, (at + 1) * 65_536));
    await store.images.importRootfs(Readable.from(chunks), { changes: [], repository: "x", tag: "1" });
    assert.deepEqual(await savedLayer(store, "x:1", tar), tar);
    assert.deepEqual(await store.images.check(new Set()), []);
  });

  const odd: Record<string, Buffer> = {
    "brings a file twice": makeTar([
      big("a"),
      { name: "b", data: "1" },
      big("c"),
      { name: "b", data: "2" },
      big("d"),
    ]),
    "brings one twice through a link": makeTar([
      { name: "d/" },
      big("d/f"),
      { name: "l", type: "symlink", linkName: "d" },
      { name: "l/f", data: "through it" },
    ]),
    "puts a file where a folder was": makeTar([{ name: "d/" }, big("d/f"), { name: "d", data: "a file" }]),
    "has something after its end": Buffer.concat([makeTar([big("a")]), randomBytes(70_000)]),
    "is full of deletions": makeTar([
      big("a"),
      { name: ".wh.a" },
      { name: "d/" },
      { name: "d/.wh..wh..opq" },
    ]),
  };
  for (const [what, tar] of Object.entries(odd)) {
    it(`is saved to the letter though it ${what}`, async () => {
      await using store = await openStore();
      for (const chunkBytes of [65_536, 1000]) {
        await load(store.images, archiveOf(tar), chunkBytes);
        assert.deepEqual(await savedLayer(store, "x:1", tar), tar);
        assert.deepEqual(readdirSync(join(store.root, "blobs/tmp")), []);
        await store.images.remove("x:1", { force: true, noPrune: false, users: new Map() });
      }
      await store.images.importRootfs(Readable.from([tar]), { changes: [], repository: "x", tag: "1" });
      assert.deepEqual(await savedLayer(store, "x:1", tar), tar);
      assert.deepEqual(await store.images.check(new Set()), []);
    });
  }

  it("is refused with what is wrong with it, and nothing stays", async () => {
    await using store = await openStore();
    const before = contentOf(store.root);
    const good = makeTar([big("good")]);
    const cut = makeTar([big("a"), big("b")]).subarray(0, bigBytes + 100_000);
    const damaged = Buffer.concat([makeTar([big("a")], Buffer.alloc(0)), randomBytes(4096)]);
    for (const [tar, message] of [
      [makeTar([big("a"), { name: "../../escaped", data: "x" }]), /path escapes the root/],
      [makeTar([big("a"), { name: "l", type: "link", linkName: "nowhere/at/all" }]), /./],
      [cut, /truncated/],
      [damaged, /invalid tar header/],
    ] as const) {
      await assert.rejects(load(store.images, archiveOf(good, tar)), message);
      await assert.rejects(
        store.images.importRootfs(Readable.from([tar]), { changes: [], repository: "x", tag: "1" }),
        message,
      );
      assert.deepEqual(contentOf(store.root), before);
    }
  });

  it("must be what its image's config says", async () => {
    await using store = await openStore();
    const before = contentOf(store.root);
    const [tar, other] = [makeTar([big("a")]), makeTar([big("b")])];
    const archive = makeDockerArchive([{ layers: [{ tar, blob: other }], tags: ["x:1"] }]);
    await assert.rejects(load(store.images, archive), /wrong diff id calculated on extraction/);
    assert.deepEqual(contentOf(store.root), before);
  });

  it("may be no layer at all: what no image names does no harm and goes", async () => {
    await using store = await openStore();
    const tar = makeTar([{ name: "f", data: "small" }]);
    const escaping = makeTar([big("a"), { name: "../../escaped", data: "x" }]);
    const archive = makeDockerArchive([{ layers: [{ tar }], tags: ["x:1"] }], (members) =>
      members.push({ name: "other/layer.tar", data: makeTar([big("a")]) }, { name: "bad", data: escaping }),
    );
    await load(store.images, archive);
    assert.deepEqual(readdirSync(join(store.root, "layers")).sort(), ["0", "1"]);
    assert.deepEqual(readdirSync(join(store.root, "blobs/tmp")), []);
  });

  it("lies on several others, in one archive", async () => {
    await using store = await openStore();
    const [a, b, shared] = [makeTar([big("a")]), makeTar([big("b")]), makeTar([big("s")])];
    const images = [
      { layers: [{ tar: a }, { tar: shared }], tags: ["x:a"] },
      { layers: [{ tar: b }, { tar: shared }], tags: ["x:b"] },
    ];
    await load(store.images, makeDockerArchive(images));
    assert.equal(readdirSync(join(store.root, "layers")).length, 5);
    for (const [name, below] of [
      ["x:a", a],
      ["x:b", b],
    ] as const) {
      assert.deepEqual(await savedLayer(store, name, shared), shared);
      assert.deepEqual(await savedLayer(store, name, below), below);
    }
    assert.deepEqual(await store.images.check(new Set()), []);
  });

  it("is a file where it is a part of something else", async () => {
    await using store = await openStore();
    const [tar, artifact] = [makeTar([big("layer")]), makeTar([big("part")])];
    await load(store.images, makeLayout(tar, artifact));
    assert.deepEqual(readFileSync(join(store.root, "blobs/sha256", hexOf(digestOf(artifact)))), artifact);
    assert.deepEqual(await savedLayer(store, "x:1", tar), tar);
    assert.deepEqual(await savedLayer(store, "x:1", artifact), artifact);
    assert.deepEqual(readdirSync(join(store.root, "blobs/tmp")), []);
  });
});

/** An OCI layout whose index has an image and what is attached to it. */
function makeLayout(tar: Buffer, artifact: Buffer): Buffer {
  const members: Member[] = [];
  const add = (data: Buffer | string, mediaType: string) => {
    const digest = digestOf(data);
    members.push({ name: `blobs/sha256/${hexOf(digest)}`, data });
    return { mediaType, digest, size: Buffer.byteLength(data) };
  };
  const config = JSON.stringify({
    ...{ architecture: "amd64", os: "linux", config: {} },
    rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
  });
  const manifestOf = (configText: string, layer: Buffer) =>
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: mediaTypes.manifest },
      config: add(configText, mediaTypes.config),
      layers: [add(layer, mediaTypes.layer)],
    });
  const image = add(manifestOf(config, tar), mediaTypes.manifest);
  const attached = add(manifestOf("{}", artifact), mediaTypes.manifest);
  const annotations = {
    "vnd.docker.reference.type": "attestation-manifest",
    "vnd.docker.reference.digest": image.digest,
  };
  const index = add(
    JSON.stringify({
      ...{ schemaVersion: 2, mediaType: mediaTypes.index },
      manifests: [
        { ...image, platform: { architecture: "amd64", os: "linux" } },
        { ...attached, platform: { architecture: "unknown", os: "unknown" }, annotations },
      ],
    }),
    mediaTypes.index,
  );
  const names = { "io.containerd.image.name": "docker.io/library/x:1" };
  members.push({
    name: "index.json",
    data: JSON.stringify({ schemaVersion: 2, manifests: [{ ...index, annotations: names }] }),
  });
  members.push({ name: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' });
  return makeTar(members);
}
