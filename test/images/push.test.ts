import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Digest, digestOf } from "../../src/formats/digest.ts";
import type { ProgressMessage } from "../../src/formats/docker-api/docker-api.ts";
import { parseReference } from "../../src/formats/reference.ts";
import type { RegistryAuth } from "../../src/formats/registry-auth.ts";
import type { Images } from "../../src/images/images.ts";
import { contentOf } from "../../src/images/select-manifest.ts";
import {
  createContent,
  makeFolder,
  quickSettings,
  refuse,
  serveContent,
  startDockerRegistry,
  startServer,
} from "../distribution/fixtures.ts";
import { load, makeDockerArchive, makeTar, openStore } from "./fixtures.ts";
import { addImage, linesOf, pull } from "./pull-fixtures.ts";

const settings = quickSettings({ patienceSeconds: 20 });

async function push(images: Images, name: string, auth: RegistryAuth = {}): Promise<ProgressMessage[]> {
  const messages: ProgressMessage[] = [];
  const signal = new AbortController().signal;
  await images.push(parseReference(name), { auth, signal, report: (message) => messages.push(message) });
  return messages;
}

const layer = (name: string, bytes = 100) => ({ tar: makeTar([{ name, data: randomBytes(bytes) }]) });
const digestLine = (lines: string[]) =>
  /digest: (sha256:\w+) size: \d+$/.exec(lines.at(-1) ?? lines.join())?.[1] as Digest;

test("an image made here goes round: compressed once, the same digest, and nothing sent twice", async () => {
  await using registry = await startDockerRegistry();
  await using store = await openStore(settings);
  const name = `${registry.host}/a/x:1`;
  await load(
    store.images,
    makeDockerArchive([{ layers: [layer("a", 3_000_000), layer("b")], tags: [name] }]),
  );
  const image = store.images.getImage(name);
  const { id } = image;
  const { config } = contentOf(image);
  const [a, b] = config.rootfs.diff_ids.map((diffId) => diffId.slice(7, 19));
  const first = await push(store.images, name);
  const lines = linesOf(first);
  assert.equal(lines[0], `The push refers to repository [${registry.host}/a/x]`);
  assert.deepEqual(lines.slice(1, 3), [`${a}: Preparing`, `${b}: Preparing`]);
  assert.deepEqual(new Set(lines.slice(3, 5)), new Set([`${a}: Pushed`, `${b}: Pushed`]));
  const digest = digestLine(lines.slice(0, -1));
  assert.deepEqual(first.at(-1)?.aux, {
    Tag: "1",
    Digest: digest,
    Size: Number(/size: (\d+)/.exec(lines.at(-2) ?? "")?.[1]),
  });
  assert.deepEqual(store.images.references(id).digests, [`${registry.host}/a/x@${digest}`]);
  assert.equal(readdirSync(join(store.root, "blobs/sha256")).length, 4, "config, manifest and what was sent");

  const second = linesOf(await push(store.images, name));
  assert.deepEqual(second.filter((line) => /exists/.test(line)).length, 2);
  assert.equal(digestLine(second.slice(0, -1)), digest);
  const pulled = linesOf(await pull(store.images, name));
  assert.deepEqual(pulled.slice(-2), [`Digest: ${digest}`, `Status: Image is up to date for ${name}`]);
  assert.equal(
    store.images.getImage(name).id,
    id,
    "what was compressed here is known by what it was made of",
  );
  const byDigest = `${registry.host}/a/x@${digest}`;
  assert.equal(store.images.getImage(byDigest).id, id);

  store.images.tag(name, `${registry.host}/other`, "2");
  const mounted = linesOf(await push(store.images, `${registry.host}/other:2`));
  assert.equal(mounted.filter((line) => line.endsWith(": Mounted from a/x")).length, 2);

  await store.images.remove(id, { force: true, noPrune: false, users: new Map() });
  assert.deepEqual(readdirSync(join(store.root, "blobs/sha256")), []);
  await pull(store.images, `${registry.host}/other:2`);
  assert.equal(store.images.getImage(`${registry.host}/other:2`).id, digest);
  assert.equal(
    digestLine(linesOf(await push(store.images, `${registry.host}/other:2`)).slice(0, -1)),
    digest,
  );
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("a manifest that came from elsewhere goes on to the letter, zstd and all", async () => {
  using folder = makeFolder();
  await using registry = await startDockerRegistry();
  await using store = await openStore(settings);
  const archive = join(folder.path, "x.tar");
  writeFileSync(archive, makeDockerArchive([{ layers: [layer("a"), layer("b")], tags: ["x:1"] }]));
  const copy = (...words: string[]) =>
    execFileSync("skopeo", ["copy", "--dest-tls-verify=false", "--src-tls-verify=false", ...words], {
      stdio: "pipe",
    });
  for (const [tag, options] of [
    ["docker", ["--format", "v2s2"]],
    ["oci", ["--format", "oci"]],
    ["zstd", ["--format", "oci", "--dest-compress", "--dest-compress-format", "zstd"]],
  ] as const) {
    const [from, to] = [`${registry.host}/from:${tag}`, `${registry.host}/to:${tag}`];
    copy(...options, `docker-archive:${archive}`, `docker://${from}`);
    await pull(store.images, from);
    const [came = ""] = store.images.references(store.images.getImage(from).id).digests;
    store.images.tag(from, `${registry.host}/to`, tag);
    const digest = digestLine(linesOf(await push(store.images, to)).slice(0, -1));
    assert.equal(digest, came.split("@")[1], tag);
    const raw = execFileSync("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${to}`]);
    assert.equal(digestOf(raw), digest, tag);
    await store.images.remove(store.images.getImage(from).id, {
      force: true,
      noPrune: false,
      users: new Map(),
    });
  }
});

test("all tags of a repository; what is not there; a wrong password", async () => {
  using folder = makeFolder();
  writeFileSync(join(folder.path, "htpasswd"), execFileSync("htpasswd", ["-Bbn", "u", "secret"]));
  await using registry = await startDockerRegistry({
    auth: { htpasswd: { realm: "x", path: join(folder.path, "htpasswd") } },
  });
  await using store = await openStore(settings);
  const name = `${registry.host}/x`;
  await load(store.images, makeDockerArchive([{ layers: [layer("a")], tags: [`${name}:1`, `${name}:2`] }]));
  const user = { username: "u", password: "secret" };
  const lines = linesOf(await push(store.images, name, user));
  assert.deepEqual(
    lines.filter((line) => /digest:/.test(line)).map((line) => line.split(":")[0]),
    ["1", "2"],
  );
  await assert.rejects(push(store.images, `${name}:3`, user), { message: `tag does not exist: ${name}:3` });
  await assert.rejects(push(store.images, "none:3"), {
    message: "An image does not exist locally with the tag: none",
  });
  await assert.rejects(push(store.images, `${name}:1`), {
    kind: "unauthorized",
    message: "no basic auth credentials",
  });
  await assert.rejects(push(store.images, `${name}:1`, { ...user, password: "x" }), { kind: "unauthorized" });
  await pull(store.images, `${name}:1`, { auth: user });
});

test("an upload whose connection breaks goes on from where the registry is, after a new token too", async () => {
  const got: Buffer[] = [];
  let breaks = 2;
  let token = 0;
  let manifest = "";
  await using server = await startServer((input, output) => {
    const url = new URL(input.url ?? "", server.origin);
    const done = (status: number, headers: Record<string, string> = {}) =>
      output.writeHead(status, headers).end();
    if (url.pathname === "/token") return void output.end(JSON.stringify({ token: String(++token) }));
    if (input.headers.authorization !== `Bearer ${token}` || token === 0)
      return done(401, { "WWW-Authenticate": `Bearer realm="${server.origin}/token"` });
    if (url.pathname === "/v2/") return done(200);
    if (input.method === "HEAD") return done(url.pathname.includes(digestOf(Buffer.concat(got))) ? 200 : 404);
    if (input.method === "POST") return done(202, { Location: "/v2/x/blobs/uploads/1" });
    const state = {
      Location: "/v2/x/blobs/uploads/1",
      Range: `0-${Math.max(0, Buffer.concat(got).length - 1)}`,
    };
    if (input.method === "GET") return done(204, state);
    if (url.pathname.includes("/manifests/")) {
      input.on("data", (chunk) => {
        manifest += chunk;
      });
      return void input.once("end", () => done(201));
    }
    if (input.method === "PUT")
      return done(url.searchParams.get("digest") === digestOf(Buffer.concat(got)) ? 201 : 400);
    let taken = 0;
    if (input.headers["content-range"]?.split("-")[0] !== String(Buffer.concat(got).length))
      return done(416, state);
    input.on("data", (chunk: Buffer) => {
      if (breaks > 0 && taken > 500_000) {
        // The second time the token is the one that breaks.
        if (--breaks === 0) token++;
        input.destroy();
        return;
      }
      taken += chunk.length;
      got.push(chunk);
    });
    input.once("end", () => done(202, { Location: "/v2/x/blobs/uploads/1" }));
  });
  await using store = await openStore(settings);
  const name = `${server.host}/x:1`;
  await load(store.images, makeDockerArchive([{ layers: [layer("a", 4_000_000)], tags: [name] }]));
  // The config is there already, for this registry.
  const config = contentOf(store.images.getImage(name)).configDigest;
  const { handle } = server;
  server.handle = (input, output) =>
    input.method === "HEAD" && input.url?.endsWith(config)
      ? output.writeHead(200).end()
      : handle(input, output);
  await push(store.images, name);
  assert.equal(breaks, 0);
  assert.equal(JSON.parse(manifest).layers[0].digest, digestOf(Buffer.concat(got)));
});

test("a registry that says it stored something else, or that refuses", async () => {
  await using server = await startServer((input, output) => {
    if (input.method === "HEAD" || input.url === "/v2/") return void output.writeHead(200).end();
    output.writeHead(201, { "Docker-Content-Digest": digestOf("other") }).end();
  });
  await using store = await openStore(settings);
  const name = `${server.host}/x:1`;
  await load(store.images, makeDockerArchive([{ layers: [layer("a")], tags: [name] }]));
  await assert.rejects(push(store.images, name), /the registry stored the manifest as/);
  server.handle = (_, output) => refuse(output, 403, "DENIED", "requested access to the resource is denied");
  await assert.rejects(push(store.images, name), {
    kind: "forbidden",
    message: "denied: requested access to the resource is denied",
  });
  assert.deepEqual(await store.images.check(new Set()), []);
});

test("a plain layer that an image came with is pushed to the letter from where it is unpacked, unless that has changed", async () => {
  await using registry = await startDockerRegistry();
  await using store = await openStore(settings);
  const content = createContent();
  const plain = { ...layer("a", 700_000), compression: "none" as const };
  const manifest = addImage(content, "1", [plain, layer("b")]);
  await using server = await startServer(serveContent(content));
  const [from, to] = [`${server.host}/x:1`, `${registry.host}/x`];
  await pull(store.images, from);
  const hex = digestOf(plain.tar).slice(7);
  assert.deepEqual(readdirSync(join(store.root, "blobs/frames")), [hex]);
  assert.ok(!readdirSync(join(store.root, "blobs/sha256")).includes(hex));
  store.images.tag(from, to, "1");
  assert.equal(digestLine(linesOf(await push(store.images, `${to}:1`)).slice(0, -1)), manifest);
  assert.deepEqual(readdirSync(join(store.root, "blobs/tmp")), []);

  const folder = store.images.lowerDirectories(store.images.getImage(from)).at(-1) ?? "";
  writeFileSync(join(folder, "a"), randomBytes(700_000));
  await using other = await startDockerRegistry();
  store.images.tag(from, `${other.host}/x`, "1");
  await assert.rejects(push(store.images, `${other.host}/x:1`), {
    message: new RegExp(`layer sha256:${hex} has changed on the disk`),
  });
  assert.deepEqual(readdirSync(join(store.root, "blobs/tmp")), []);
});
