import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf, hexOf } from "../../src/formats/digest.ts";
import { hostPlatform } from "../../src/formats/image-config.ts";
import { contentOf } from "../../src/images/select-manifest.ts";
import { entriesOf } from "../containers/rootfs-fixture.ts";
import {
  configText,
  load,
  type Member,
  makeDockerArchive,
  makeTar,
  openStore,
  readStream,
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
  const config = digestOf(configText([base, top]));
  const ids = new Set<string>();
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
    assert.equal(contentOf(image).configDigest, config);
    ids.add(image.id);
    assert.equal(contentOf(image).sizeBytes, 6);
    const [upper = "", lower = ""] = store.images.lowerDirectories(image);
    assert.equal(readFileSync(join(lower, "etc/motd"), "utf8"), "hello");
    assert.equal(readFileSync(join(upper, "new"), "utf8"), "n");
  }
  assert.equal(ids.size, 1, "its manifest is the same each time");
});

/** The id of an image that came without a manifest. */
function madeId(layers: { tar: Buffer }[]): string {
  const config = configText(layers);
  const describe = (mediaType: string, content: string | Buffer) => ({
    ...{ mediaType: `application/vnd.oci.image.${mediaType}`, digest: digestOf(content) },
    size: Buffer.byteLength(content),
  });
  return digestOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      config: describe("config.v1+json", config),
      layers: layers.map(({ tar }) => describe("layer.v1.tar", tar)),
    }),
  );
}

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
  const first = madeId([base]);
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
  return { archive: makeTar(members), manifest: manifest.digest, index: nested.digest };
}

const packed = [
  { ...base, blob: gzipSync(base.tar), mediaType: "application/vnd.oci.image.layer.v1.tar+gzip" },
  { ...top, blob: zstdCompressSync(top.tar), mediaType: "application/vnd.oci.image.layer.v1.tar+zstd" },
];

test("an OCI layout with a nested index loads for this platform, and its blobs stay as they came", async () => {
  await using store = await openStore();
  const { archive, manifest, index } = makeLayout(packed);
  assert.deepEqual(await load(store.images, archive), ["Loaded image: app:oci"]);
  const image = store.images.getImage("app:oci");
  assert.equal(image.id, index);
  assert.deepEqual(
    image.manifests.map(({ descriptor, content }) => [descriptor.digest, content !== undefined]),
    [
      [digestOf("not here"), false],
      [manifest, true],
    ],
  );
  for (const [at, { blob }] of packed.entries()) {
    const stored = readFileSync(
      join(store.root, "blobs/sha256", hexOf(contentOf(image).blobs[at]?.digest ?? "")),
    );
    assert.deepEqual(stored, blob);
  }
});

test("what is saved loads again, with the same ids, and layers that old readers don't know are decompressed", async () => {
  await using store = await openStore();
  await load(store.images, makeLayout(packed).archive);
  store.images.tag("app:oci", "other", "2");
  const saved = await readStream(await store.images.save(["app:oci", "other"]));
  const entries = entriesOf(saved);
  const [{ Layers: layers }] = JSON.parse(
    String(entries.find(({ entry: { name } }) => name === "manifest.json")?.data),
  );
  for (const path of layers) {
    const data = entries.find(({ entry: { name } }) => name === path)?.data;
    assert.ok(data && !data.startsWith("(\ufffd/\ufffd"), "no zstd in these");
  }
  while (readdirSync(join(store.root, "blobs/tmp")).length > 0) await setImmediate();
  await using second = await openStore();
  assert.deepEqual(await load(second.images, saved), ["Loaded image: app:oci", "Loaded image: other:2"]);
  assert.equal(second.images.getImage("other:2").id, store.images.getImage("app:oci").id);
  assert.deepEqual(await readStream(await second.images.save(["app:oci", "other:2"])), saved);
});

test("save gives a gzip image bit for bit, keeps shared layers once, and selects by name as docker", async () => {
  await using store = await openStore();
  const first = packed.slice(0, 1);
  const { archive, manifest } = makeLayout(first);
  await load(store.images, archive);
  await load(store.images, makeDockerArchive([{ layers: [top], tags: ["app:other", "b:latest"] }]));
  const all = await readStream(await store.images.save(["app"]));
  assert.ok(all.includes(`blobs/sha256/${hexOf(manifest)}`));
  await using second = await openStore();
  assert.deepEqual((await load(second.images, all)).sort(), [
    "Loaded image: app:oci",
    "Loaded image: app:other",
  ]);
  const { id } = store.images.getImage("b");
  await using third = await openStore();
  assert.deepEqual(await load(third.images, await readStream(await store.images.save([id.slice(7, 19)]))), [
    `Loaded image ID: ${id}`,
  ]);
  await assert.rejects(store.images.save(["b", "nope"]), {
    message: "No such image: nope",
    kind: "notFound",
  });
});

/** As docker before 1.10 saved: a layer is an image of its own. */
function makeLegacyArchive(change: (members: Member[]) => void = () => {}): Buffer {
  const [lowId, highId] = ["1".repeat(64), "a".repeat(64)];
  const v1 = { created: "2015-01-02T03:04:05Z", architecture: "amd64", os: "linux", Size: 5 };
  const members: Member[] = [
    { name: `${highId}/VERSION`, data: "1.0" },
    { name: `${highId}/layer.tar`, data: top.tar },
    {
      name: `${highId}/json`,
      data: JSON.stringify({
        ...v1,
        ...{ id: highId, parent: lowId, comment: "second", config: { Cmd: ["sh"], Env: ["A=b"] } },
        container_config: { Cmd: ["/bin/sh", "-c", "#(nop) CMD"] },
      }),
    },
    { name: `${lowId}/json`, data: JSON.stringify({ ...v1, id: lowId }) },
    { name: `${lowId}/layer.tar`, data: gzipSync(base.tar) },
    {
      name: "repositories",
      data: JSON.stringify({ old: { "1": highId, latest: highId }, "example.com/x": { y: lowId } }),
    },
  ];
  change(members);
  return makeTar(members);
}

test("an archive of docker's first format loads, each layer as an image that the next was committed from", async () => {
  await using store = await openStore();
  const lines = await load(store.images, makeLegacyArchive());
  assert.deepEqual(
    lines.sort(),
    ["old:1", "old:latest", "example.com/x:y"].map((name) => `Loaded image: ${name}`).sort(),
  );
  const [high, low] = [store.images.getImage("old"), store.images.getImage("example.com/x:y")];
  assert.equal(high.parent, low.id);
  assert.deepEqual(contentOf(high).config.rootfs.diff_ids, [digestOf(base.tar), digestOf(top.tar)]);
  assert.deepEqual(contentOf(high).config.config?.Env, ["A=b"]);
  assert.deepEqual(contentOf(high).config.history, [
    { created: "2015-01-02T03:04:05Z" },
    { created: "2015-01-02T03:04:05Z", created_by: "/bin/sh -c #(nop) CMD", comment: "second" },
  ]);
  assert.deepEqual(readdirSync(join(store.root, "blobs/tmp")), []);
});

test("a damaged archive of the first format is refused and leaves nothing", async () => {
  await using store = await openStore();
  const before = leftovers(store.root);
  const edit = (name: string, data: unknown) => (members: Member[]) => {
    const member = members.find((one) => one.name === name);
    assert.ok(member);
    member.data = typeof data === "string" ? data : JSON.stringify(data);
  };
  const low = "1".repeat(64);
  for (const [change, message] of [
    [edit("repositories", { x: { y: "../../etc" } }), /invalid image ID/],
    [edit("repositories", { x: { y: "2".repeat(64) } }), /is missing/],
    [edit("repositories", { x: 5 }), /a repository has no tags/],
    [edit("repositories", { UPPER: { y: low } }), /must be lowercase/],
    [edit("repositories", "[]"), /not a JSON object/],
    [edit(`${low}/json`, { parent: "a".repeat(64) }), /max depth exceeded/],
    [edit(`${low}/json`, { parent: 7 }), /invalid image ID/],
    [edit(`${low}/json`, { config: { Env: 5 } }), /./],
    [edit(`${low}/json`, { os: "windows" }), /cannot load windows image on linux/],
  ] as [(members: Member[]) => void, RegExp][]) {
    await assert.rejects(load(store.images, makeLegacyArchive(change)), { kind: "invalid", message });
    assert.deepEqual(leftovers(store.root), before, String(message));
    assert.deepEqual(store.images.list(), []);
  }
});

test("what was committed from what, and when images were made, is in what is saved", async () => {
  await using store = await openStore();
  await load(store.images, makeLegacyArchive());
  const saved = await readStream(await store.images.save(["old", "example.com/x"]));
  const image = store.images.getImage("old");
  const { parent, lastTagTime } = image;
  const config = `blobs/sha256/${hexOf(contentOf(image).configDigest)}`;
  const entry = entriesOf(saved).find(({ entry: { name } }) => name === config)?.entry;
  assert.equal(entry?.mtime.seconds, Date.parse("2015-01-02T03:04:05Z") / 1000);
  await using second = await openStore();
  await load(second.images, saved);
  assert.equal(second.images.getImage("old").parent, parent);
  await using third = await openStore();
  await load(third.images, await readStream(await store.images.save(["old"])));
  assert.equal(third.images.getImage("old").parent, "");
  await load(store.images, saved);
  assert.equal(store.images.getImage("old").lastTagTime, lastTagTime);
});

test("an archive of many names loads, and all go again, without standing still", async () => {
  await using store = await openStore();
  const tags = Array.from({ length: 20_000 }, (_, n) => `many:${n}`);
  let turns = 0;
  const count = setInterval(() => turns++, 1);
  try {
    await load(store.images, makeDockerArchive([{ layers: [base], tags }]));
    assert.ok(turns > 20, `${turns} turns for others`);
    const { deleted } = await store.images.prune({ dangling: false, users: new Map() });
    assert.equal(deleted.length, tags.length + 2);
  } finally {
    clearInterval(count);
  }
  assert.deepEqual(store.images.list(), []);
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
    [
      "long records",
      change((m) => m.push({ name: "x", xattrs: new Map([["user.x", Buffer.alloc(100_000)]]) })),
      /its extension is too large/,
    ],
    [
      "a long name",
      change((m) => m.push({ name: "x/".repeat(3000), data: "x" })),
      /a name in it is too long/,
    ],
    [
      "too many images",
      change((m) => Object.assign(m[2] as Member, { data: `[${"{},".repeat(20_000)}{}]` })),
      /too many images/,
    ],
    [
      "too many layers",
      change((m) =>
        Object.assign(m[2] as Member, {
          data: JSON.stringify([{ Config: configName, Layers: Array(200).fill("x") }]),
        }),
      ),
      /max depth exceeded/,
    ],
    ["a name that leads outside", change((m) => m.push({ name: "../../x", data: "x" })), /escapes the root/],
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
