import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf, hexOf } from "../../src/formats/digest.ts";
import { hostPlatform } from "../../src/formats/image-config.ts";
import {
  configText,
  load,
  type Member,
  makeDockerArchive,
  makeTar,
  openStore,
  readArchive,
} from "./fixtures.ts";

const base = { tar: makeTar([{ name: "etc/" }, { name: "etc/motd", data: "hello" }]) };
const top = { tar: makeTar([{ name: "etc/" }, { name: "etc/.wh.motd" }, { name: "new", data: "n" }]) };

function leftovers(root: string): string[] {
  return [
    ...readdirSync(join(root, "blobs/tmp")),
    ...readdirSync(join(root, "blobs/sha256")),
    ...readdirSync(join(root, "layers")),
  ];
}

test("an archive of docker loads, whatever it is compressed with and however it arrives", async () => {
  const archive = makeDockerArchive([{ layers: [base, top], tags: ["app:1", "me/app:latest"] }]);
  const id = digestOf(configText([base, top]));
  const forms: [string, Buffer][] = [
    ["plain", archive],
    ["gzip", gzipSync(archive)],
    ["zstd", zstdCompressSync(archive)],
    ["xz", execFileSync("xz", ["-c"], { input: archive })],
    ["bzip2", execFileSync("bzip2", ["-c"], { input: archive })],
  ];
  for (const [form, bytes] of forms) {
    await using store = await openStore();
    assert.deepEqual(
      await load(store.images, bytes, form === "plain" ? 7 : 65_536),
      ["Loaded image: app:1", "Loaded image: me/app:latest"],
      form,
    );
    const image = store.images.getImage("app:1");
    assert.equal(image.id, id);
    assert.equal(image.sizeBytes, 6);
    const [upper = "", lower = ""] = store.images.lowerDirectories(image);
    assert.equal(readFileSync(join(lower, "etc/motd"), "utf8"), "hello");
    assert.equal(readFileSync(join(upper, "new"), "utf8"), "n");
  }
});

test("images share layers, by content, and a second load does no work", async () => {
  await using store = await openStore();
  await load(store.images, makeDockerArchive([{ layers: [base], tags: ["base:latest"] }]));
  await load(
    store.images,
    makeDockerArchive([
      { layers: [base, top], tags: ["app:latest"] },
      { layers: [base], tags: ["base:latest"] },
    ]),
  );
  assert.deepEqual(readdirSync(join(store.root, "layers")).sort(), ["0", "1", "2"]);
  const [, lower] = store.images.lowerDirectories(store.images.getImage("app"));
  assert.deepEqual(store.images.lowerDirectories(store.images.getImage("base")), [lower]);
});

test("an image without tags loads by its id, and a tag that moves says so", async () => {
  await using store = await openStore();
  const first = digestOf(configText([base]));
  assert.deepEqual(await load(store.images, makeDockerArchive([{ layers: [base] }])), [
    `Loaded image ID: ${first}`,
  ]);
  await load(store.images, makeDockerArchive([{ layers: [base], tags: ["x:1"] }]));
  assert.deepEqual(await load(store.images, makeDockerArchive([{ layers: [top], tags: ["x:1"] }])), [
    `The image x:1 already exists, renaming the old one with ID ${first} to empty string`,
    "Loaded image: x:1",
  ]);
  assert.deepEqual(store.images.references(first), { tags: [], digests: [] });
});

function makeLayout(
  layers: { tar: Buffer; blob: Buffer; mediaType: string }[],
  change: (members: Member[]) => void = () => {},
) {
  const blobs = new Map<string, string | Buffer>();
  const put = (content: string | Buffer) => {
    const digest = digestOf(content);
    blobs.set(digest, content);
    return { digest, size: Buffer.byteLength(content) };
  };
  const config = { mediaType: "application/vnd.oci.image.config.v1+json", ...put(configText(layers)) };
  const manifest = put(
    JSON.stringify({
      schemaVersion: 2,
      config,
      layers: layers.map(({ blob, mediaType }) => ({ mediaType, ...put(blob) })),
    }),
  );
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const { os, architecture } = hostPlatform();
  const nested = put(
    JSON.stringify({
      schemaVersion: 2,
      manifests: [
        { mediaType, digest: digestOf("not here"), size: 8, platform: { os: "plan9", architecture } },
        { mediaType, ...manifest, platform: { os, architecture } },
      ],
    }),
  );
  const members: Member[] = [
    { name: "oci-layout", data: '{"imageLayoutVersion":"1.0.0"}' },
    {
      name: "index.json",
      data: JSON.stringify({
        schemaVersion: 2,
        manifests: [
          {
            mediaType: "application/vnd.oci.image.index.v1+json",
            ...nested,
            annotations: { "org.opencontainers.image.ref.name": "app:oci" },
          },
        ],
      }),
    },
    ...[...blobs].map(([digest, data]) => ({ name: `./blobs/sha256/${hexOf(digest)}`, data })),
  ];
  change(members);
  return { archive: makeTar(members), manifest: manifest.digest };
}

const packed = [
  { ...base, blob: gzipSync(base.tar), mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" },
  { ...top, blob: zstdCompressSync(top.tar), mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" },
];

test("an OCI layout with a nested index loads for this platform, and its blobs stay as they came", async () => {
  await using store = await openStore();
  const { archive, manifest } = makeLayout(packed);
  assert.deepEqual(await load(store.images, archive), ["Loaded image: app:oci"]);
  const image = store.images.getImage("app:oci");
  assert.equal(image.manifest?.digest, manifest);
  for (const [at, { blob }] of packed.entries()) {
    const stored = readFileSync(join(store.root, "blobs/sha256", hexOf(image.blobs[at]?.digest ?? "")));
    assert.deepEqual(stored, blob);
  }
});

test("what is saved loads again, with the same ids, and layers that old readers don't know are decompressed", async () => {
  await using store = await openStore();
  await load(store.images, makeLayout(packed).archive);
  store.images.tag("app:oci", "other", "2");
  const saved = await readArchive(await store.images.save(["app:oci", "other"]));
  assert.equal(saved.includes(Buffer.from([0x28, 0xb5, 0x2f, 0xfd])), false, "no zstd in it");
  while (readdirSync(join(store.root, "blobs/tmp")).length > 0) await setImmediate();
  await using second = await openStore();
  assert.deepEqual(await load(second.images, saved), ["Loaded image: app:oci", "Loaded image: other:2"]);
  assert.equal(second.images.getImage("other:2").id, store.images.getImage("app:oci").id);
  assert.deepEqual(await readArchive(await second.images.save(["app:oci", "other:2"])), saved);
});

test("save gives a gzip image bit for bit, keeps shared layers once, and selects by name as docker", async () => {
  await using store = await openStore();
  const first = packed.slice(0, 1);
  const { archive, manifest } = makeLayout(first);
  await load(store.images, archive);
  await load(store.images, makeDockerArchive([{ layers: [top], tags: ["app:other", "b:latest"] }]));
  const all = await readArchive(await store.images.save(["app"]));
  assert.ok(all.includes(`blobs/sha256/${hexOf(manifest)}`));
  await using second = await openStore();
  assert.deepEqual((await load(second.images, all)).sort(), [
    "Loaded image: app:oci",
    "Loaded image: app:other",
  ]);
  const { id } = store.images.getImage("b");
  await using third = await openStore();
  assert.deepEqual(await load(third.images, await readArchive(await store.images.save([id.slice(7, 19)]))), [
    `Loaded image ID: ${id}`,
  ]);
  await assert.rejects(store.images.save(["b", "nope"]), {
    message: "No such image: nope:latest",
    kind: "notFound",
  });
});

test("a damaged archive is refused in one sentence and leaves nothing", async () => {
  await using store = await openStore();
  const before = leftovers(store.root);
  const images = [{ layers: [base], tags: ["x:1"] }];
  const change = (edit: (members: Member[]) => void) => makeDockerArchive(images, edit);
  const good = makeDockerArchive(images);
  const configName = `${hexOf(digestOf(configText([base])))}.json`;
  const cases: [string, Buffer, RegExp][] = [
    [
      "no archive",
      Buffer.from("this is not an archive, but it is long enough".repeat(30)),
      /^invalid tar header$/,
    ],
    ["nothing", Buffer.alloc(0), /does not contain a manifest.json/],
    ["an empty archive", makeTar([]), /does not contain a manifest.json/],
    ["cut off", good.subarray(0, 2000), /unexpected EOF/],
    ["cut off gzip", gzipSync(good).subarray(0, 300), /invalid gzip data/],
    ["damaged xz", execFileSync("xz", ["-c"], { input: good }).subarray(0, 200), /invalid xz data/],
    [
      "config of another digest",
      change((m) => Object.assign(m[0] as Member, { data: configText([base], { os: "hurd" }) })),
      /wrong digest/,
    ],
    [
      "layer of another digest",
      change((m) => Object.assign(m[1] as Member, { data: top.tar })),
      /wrong diff id/,
    ],
    ["layer cut off", change((m) => Object.assign(m[1] as Member, { data: base.tar.subarray(0, 700) })), /./],
    ["layer missing", change((m) => m.splice(1, 1)), /layer.tar" is missing/],
    ["config missing", change((m) => m.splice(0, 1)), new RegExp(`"${configName}" is missing`)],
    [
      "manifest no JSON",
      change((m) => Object.assign(m[2] as Member, { data: "{" })),
      /manifest.json is not JSON/,
    ],
    [
      "manifest of nothing but brackets",
      change((m) => Object.assign(m[2] as Member, { data: `${"[".repeat(4 << 20)}${"]".repeat(4 << 20)}` })),
      /manifest.json names no config or layers|too large|not JSON/,
    ],
    [
      "manifest no list",
      change((m) => Object.assign(m[2] as Member, { data: "{}" })),
      /manifest.json is not a list/,
    ],
    ["bad tag", makeDockerArchive([{ layers: [base], tags: ["UPPER:1"] }]), /must be lowercase/],
    ["no tag", makeDockerArchive([{ layers: [base], tags: ["x"] }]), /invalid tag "x"/],
    [
      "too few layers",
      change((m) =>
        Object.assign(m[2] as Member, {
          data: JSON.stringify([{ Config: configName, RepoTags: ["x:1"], Layers: [] }]),
        }),
      ),
      /layers length mismatch: expected 1, got 0/,
    ],
    ["a name that leads outside", change((m) => m.push({ name: "../../x", data: "x" })), /outside/],
    ["blob missing", makeLayout(packed, (m) => m.pop()).archive, /blob [0-9a-f]{12} is missing/],
    [
      "blob of another digest",
      makeLayout(packed, (m) => Object.assign(m.at(-1) as Member, { data: "x" })).archive,
      /wrong digest/,
    ],
  ];
  for (const [what, archive, message] of cases) {
    await assert.rejects(load(store.images, archive), { kind: "invalid", message }, what);
    assert.deepEqual(leftovers(store.root), before, what);
    assert.deepEqual(store.images.list(), [], what);
  }
  await load(store.images, good);
});

test("links to layers inside an archive are followed, and nowhere else", async () => {
  await using store = await openStore();
  const link = (target: string) =>
    makeDockerArchive([{ layers: [base], tags: ["x:1"] }], (members) => {
      const name = members[1]?.name ?? "";
      Object.assign(members[1] as Member, { name: "shared/layer.tar" });
      members.push({ name, type: "symlink", linkName: target });
    });
  await assert.rejects(load(store.images, link("/etc/passwd")), /is missing/);
  await assert.rejects(load(store.images, link("../../../../etc/passwd")), /is missing/);
  await assert.rejects(load(store.images, link("layer.tar")), /is missing/);
  assert.deepEqual(await load(store.images, link("../shared/layer.tar")), ["Loaded image: x:1"]);
});

test("what a crash left is gone at the next start, and what was complete is there", async () => {
  await using store = await openStore();
  await load(store.images, makeDockerArchive([{ layers: [base], tags: ["x:1"] }]));
  const before = leftovers(store.root);
  const { mkdirSync, writeFileSync } = await import("node:fs");
  writeFileSync(join(store.root, "blobs/tmp/77"), "half");
  writeFileSync(join(store.root, "blobs/sha256", "0".repeat(64)), "never recorded");
  mkdirSync(join(store.root, "layers/new-5a/2/etc"), { recursive: true });
  mkdirSync(join(store.root, "layers/9/etc"), { recursive: true });
  await store.reopen();
  assert.deepEqual(leftovers(store.root), before);
  assert.deepEqual(store.images.references(store.images.getImage("x:1").id).tags, ["x:1"]);
});
