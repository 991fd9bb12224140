import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { openHttpTransport } from "../../src/distribution/http-transport.ts";
import { resolveLocation } from "../../src/distribution/location.ts";
import { openPushTarget } from "../../src/distribution/publication.ts";
import { openRepository } from "../../src/distribution/repository.ts";
import { digestOf } from "../../src/formats/digest.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { createGrowth, readGrowth } from "../../src/sys/growing-file.ts";
import { eventually } from "../engine.ts";
import {
  addBlob,
  addManifest,
  createContent,
  makeFolder,
  plainConnection,
  refuse,
  serveContent,
  startDockerRegistry,
  startServer,
} from "./fixtures.ts";

const transport = openHttpTransport();
after(() => transport.close());
const repositoryAt = (origin: string, patienceSeconds?: number, auth = {}) =>
  openRepository(transport, plainConnection(origin, patienceSeconds), "a/b", auth);

test("a blob whose connection breaks comes whole, each part asked for once", async () => {
  using folder = makeFolder();
  const content = createContent();
  const bytes = randomBytes(3_000_000);
  const blob = addBlob(content, bytes);
  const ranges: (string | undefined)[] = [];
  await using server = await startServer((input, output) => {
    ranges.push(input.headers.range);
    const first = Number(/\d+/.exec(input.headers.range ?? "0")?.[0]);
    if (first > 0)
      output.writeHead(206, { "Content-Range": `bytes ${first}-${bytes.length - 1}/${bytes.length}` });
    // Ends in the middle, three times.
    const end = ranges.length < 4 ? first + 700_000 : bytes.length;
    output.write(bytes.subarray(first, end), () => (end < bytes.length ? output.destroy() : output.end()));
  });
  const path = join(folder.path, "blob");
  writeFileSync(path, bytes.subarray(0, 1000));
  const growth = createGrowth();
  await repositoryAt(server.origin).download(blob, { path, growth });
  assert.deepEqual(readFileSync(path), bytes);
  assert.equal(readGrowth(growth).writtenBytes, bytes.length);
  assert.equal(ranges.length, 4);
  assert.equal(ranges[0], "bytes=1000-");
});

test("a server without ranges sends all of it again, and what is there is not written twice", async () => {
  using folder = makeFolder();
  const bytes = randomBytes(100_000);
  await using server = await startServer((_, output) => void output.end(bytes));
  const path = join(folder.path, "blob");
  writeFileSync(path, bytes.subarray(0, 60_000));
  await repositoryAt(server.origin).download(
    { digest: digestOf(bytes), size: bytes.length },
    { path, growth: createGrowth() },
  );
  assert.deepEqual(readFileSync(path), bytes);
});

test("too busy, then broken, then there: Retry-After is kept to and each is tried again", async () => {
  const content = createContent();
  const digest = addManifest(content, "1", mediaTypes.manifest, {});
  const times: number[] = [];
  await using server = await startServer((input, output) => {
    times.push(performance.now());
    if (times.length === 1) return void output.writeHead(429, { "Retry-After": "1" }).end();
    if (times.length === 2) return void output.writeHead(503).end();
    if (times.length === 3) return void output.destroy();
    serveContent(content)(input, output);
  });
  assert.equal((await repositoryAt(server.origin).getManifest("1")).digest, digest);
  assert.equal(times.length, 4);
  // The second that was asked for; a slow machine only takes longer.
  assert.ok((times[1] ?? 0) - (times[0] ?? 0) > 990);
});

test("what stays wrong is an error with the registry's own words", async () => {
  await using server = await startServer((_, output) => refuse(output, 429, "TOOMANYREQUESTS", "slow down"));
  await assert.rejects(repositoryAt(server.origin).getManifest("1"), {
    message: "toomanyrequests: slow down",
  });
  const asked = server.requests.length;
  server.handle = (_, output) => {
    output.setHeader("Retry-After", "3600");
    refuse(output, 429, "TOOMANYREQUESTS", "come back in an hour");
  };
  await assert.rejects(repositoryAt(server.origin).getManifest("1"), /come back in an hour/);
  assert.equal(server.requests.length, asked + 1);
  server.handle = (_, output) => refuse(output, 404, "MANIFEST_UNKNOWN");
  await assert.rejects(repositoryAt(server.origin).getManifest("1"), { kind: "notFound" });
  server.handle = (_, output) => void output.writeHead(400).end("<html>x</html>");
  await assert.rejects(
    repositoryAt(server.origin).getManifest("1"),
    /unexpected HTTP status: 400 Bad Request$/,
  );
});

test("a token: asked for once by many, renewed when it has run out, in a download too", async () => {
  using folder = makeFolder();
  const content = createContent();
  const blob = addBlob(content, randomBytes(500_000));
  addManifest(content, "1", mediaTypes.manifest, {});
  let issued = 0;
  const asked: { authorization: string | undefined; query: Record<string, string> }[] = [];
  await using server = await startServer((input, output) => {
    const url = new URL(input.url ?? "", server.origin);
    if (url.pathname === "/token") {
      issued++;
      asked.push({ authorization: input.headers.authorization, query: Object.fromEntries(url.searchParams) });
      return void output.end(JSON.stringify({ token: `t${issued}` }));
    }
    if (input.headers.authorization !== `Bearer t${issued}` || issued === 0) {
      output.setHeader("WWW-Authenticate", `Bearer realm="${server.origin}/token",service="s"`);
      return refuse(output, 401, "UNAUTHORIZED");
    }
    serveContent(content)(input, output);
  });
  const repository = repositoryAt(server.origin, 2, { username: "u", password: "p" });
  await Promise.all(Array.from({ length: 5 }, () => repository.getManifest("1")));
  assert.equal(issued, 1);
  assert.deepEqual(asked[0], {
    authorization: `Basic ${Buffer.from("u:p").toString("base64")}`,
    query: { service: "s", scope: "repository:a/b:pull", account: "u" },
  });
  issued++;
  const path = join(folder.path, "blob");
  await repository.download(blob, { path, growth: createGrowth() });
  assert.equal(statSync(path).size, blob.size);
  assert.equal(issued, 3);
});

test("a request that is given up takes no token from the others that wait for it", async () => {
  const content = createContent();
  const digest = addManifest(content, "1", mediaTypes.manifest, {});
  const serve = serveContent(content);
  const waiting: (() => void)[] = [];
  let isLetGo = false;
  await using server = await startServer((input, output) => {
    if (input.url?.startsWith("/token")) {
      const answer = () => output.end(JSON.stringify({ token: "t", expires_in: 600 }));
      return void (isLetGo ? answer() : waiting.push(answer));
    }
    if (input.headers.authorization === "Bearer t") return serve(input, output);
    output.setHeader("WWW-Authenticate", `Bearer realm="${server.origin}/token",service="s"`);
    refuse(output, 401, "UNAUTHORIZED");
  });
  const repository = repositoryAt(server.origin);
  const leaver = new AbortController();
  const first = repository.getManifest("1", leaver.signal);
  await eventually(() => waiting.length, Boolean);
  const second = repository.getManifest("1", new AbortController().signal);
  await eventually(
    () => server.requests.filter((one) => one.includes("/manifests/")).length,
    (count) => count === 2,
  );
  // Its refusal has been read when another answer of the same server has.
  await fetch(`${server.origin}/v2/`);
  leaver.abort();
  await assert.rejects(first);
  isLetGo = true;
  for (const answer of waiting) answer();
  assert.equal((await second).digest, digest);
});

test("a manifest or a config that is no text is refused, and not stored as something else", async () => {
  const bytes = Buffer.from([0x7b, 0xff, 0x7d]);
  await using server = await startServer((_, output) => void output.end(bytes));
  const repository = repositoryAt(server.origin);
  await assert.rejects(repository.getManifest("1"), { kind: "invalid", message: /is not UTF-8$/ });
  await assert.rejects(repository.getDocument(digestOf(bytes)), {
    kind: "invalid",
    message: /is not UTF-8$/,
  });
});

test("a password: said again with each of many requests that were asked without it, and once with a wrong one", async () => {
  const content = createContent();
  const digest = addManifest(content, "1", mediaTypes.manifest, {});
  const right = `Basic ${Buffer.from("u:p").toString("base64")}`;
  // None is refused before all have been asked.
  const waiting: (() => void)[] = [];
  await using server = await startServer((input, output) => {
    if (input.headers.authorization === right) return serveContent(content)(input, output);
    output.setHeader("WWW-Authenticate", 'Basic realm="r"');
    waiting.push(() => refuse(output, 401, "UNAUTHORIZED"));
    if (waiting.length >= 5 || input.headers.authorization) for (const answer of waiting.splice(0)) answer();
  });
  const many = (password: string) => {
    const repository = repositoryAt(server.origin, 20, { username: "u", password });
    return Promise.allSettled(Array.from({ length: 5 }, () => repository.getManifest("1")));
  };
  for (const answer of await many("p"))
    assert.equal(answer.status === "fulfilled" && answer.value.digest, digest);
  assert.equal(server.requests.length, 10);
  for (const answer of await many("wrong")) assert.equal(answer.status, "rejected");
  assert.equal(server.requests.length, 20);
});

test("credentials stay with their host when a blob is elsewhere", async () => {
  using folder = makeFolder();
  const bytes = Buffer.from(randomBytes(500).toString("hex"));
  const seen: (string | undefined)[] = [];
  await using elsewhere = await startServer((input, output) => {
    seen.push(input.headers.authorization);
    output.end(bytes);
  });
  await using server = await startServer((input, output) => {
    if (input.headers.authorization && input.url === "/v2/") return void output.end("{}");
    if (!input.headers.authorization) {
      output.setHeader("WWW-Authenticate", "Basic realm=x");
      return refuse(output, 401, "UNAUTHORIZED");
    }
    output.writeHead(307, { Location: `${elsewhere.origin}/signed` }).end();
  });
  const repository = repositoryAt(server.origin, 2, { username: "u", password: "p" });
  const blob = { digest: digestOf(bytes), size: bytes.length };
  await repository.download(blob, { path: join(folder.path, "blob"), growth: createGrowth() });
  assert.equal(await repository.getDocument(blob.digest).then((text) => text.length > 0), true);
  assert.deepEqual(seen, [undefined, undefined]);
});

test("tags come page by page, and a list without an end is refused", async () => {
  await using server = await startServer((input, output) => {
    const last = new URL(input.url ?? "", server.origin).searchParams.get("last");
    if (!last) output.setHeader("Link", '</v2/a/b/tags/list?last=2>; rel="next"');
    output.end(JSON.stringify({ tags: last ? ["3"] : ["1", "2"] }));
  });
  assert.deepEqual(await repositoryAt(server.origin).listTags(), ["1", "2", "3"]);
  server.handle = (_, output) => {
    output.setHeader("Link", '</v2/a/b/tags/list?last=2>; rel="next"');
    output.end("{}");
  };
  await assert.rejects(repositoryAt(server.origin).listTags(), /does not come to an end/);
});

test("docker-registry: a blob goes up in pieces and comes back, is mounted elsewhere, and a manifest keeps its digest", async () => {
  using folder = makeFolder();
  await using registry = await startDockerRegistry();
  const connection = plainConnection(`http://${registry.host}`, 20);
  const publication = openPushTarget(transport, connection, "a/b", {});
  const path = join(folder.path, "blob");
  const bytes = randomBytes(70_000_000);
  writeFileSync(path, bytes);
  const blob = { digest: digestOf(bytes), sizeBytes: bytes.length, path };
  assert.equal(await publication.hasBlob(blob.digest), false);
  await publication.upload(blob, createGrowth());
  assert.equal(await publication.hasBlob(blob.digest), true);
  const other = openPushTarget(transport, connection, "c", {});
  assert.equal(await other.mount(blob.digest, "a/b"), true);
  assert.equal(await other.hasBlob(blob.digest), true);
  assert.equal(await other.mount(digestOf("nowhere"), "a/b"), false);
  const empty = join(folder.path, "empty");
  writeFileSync(empty, "{}");
  const config = { digest: digestOf("{}"), sizeBytes: 2, path: empty };
  await publication.upload(config, createGrowth());
  const text = JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: config.digest, size: 2 },
    layers: [{ mediaType: mediaTypes.layer, digest: blob.digest, size: bytes.length }],
  });
  const digest = await publication.putManifest("1", mediaTypes.manifest, text);
  const repository = openRepository(transport, connection, "a/b", {});
  assert.deepEqual(await repository.getManifest("1"), {
    digest,
    mediaType: mediaTypes.manifest,
    text,
    sizeBytes: text.length,
  });
  const target = join(folder.path, "again");
  await repository.download(
    { digest: blob.digest, size: bytes.length },
    { path: target, growth: createGrowth() },
  );
  assert.equal(digestOf(readFileSync(target)), blob.digest);
  await assert.rejects(
    publication.putManifest("2", mediaTypes.manifest, text.replace(blob.digest, digestOf("x"))),
  );
});

test("a token server that will not hear of another repository costs the mount, and nothing else", async () => {
  await using server = await startServer((input, output) => {
    const url = new URL(input.url ?? "", server.origin);
    if (url.pathname === "/token") {
      if (url.searchParams.getAll("scope").length > 1) return refuse(output, 403, "DENIED", "not yours");
      return void output.end(JSON.stringify({ token: "t" }));
    }
    if (input.headers.authorization === "Bearer t") return void output.end();
    output.setHeader("WWW-Authenticate", `Bearer realm="${server.origin}/token"`);
    refuse(output, 401, "UNAUTHORIZED");
  });
  const publication = openPushTarget(transport, plainConnection(server.origin), "a", {});
  await assert.rejects(publication.mount(digestOf("x"), "not-mine"), {
    message: "denied: not yours",
  });
  assert.equal(await publication.hasBlob(digestOf("x")), true);
});

test("where an upload goes on: a path, the same host under the wrong scheme, another host", () => {
  const asked = "https://r:5000/v2/a/blobs/uploads/";
  assert.equal(resolveLocation("/v2/x?s=1", asked), "https://r:5000/v2/x?s=1");
  assert.equal(resolveLocation("http://r:5000/v2/x?s=1", asked), "https://r:5000/v2/x?s=1");
  assert.equal(resolveLocation("http://r/v2/x", asked), "https://r:5000/v2/x");
  assert.equal(resolveLocation("https://s3/bucket?sig=1", asked), "https://s3/bucket?sig=1");
  assert.equal(resolveLocation("http://r:5001/v2/x", asked), "http://r:5001/v2/x");
  assert.equal(resolveLocation(undefined, asked), asked);
});

test("a blob whose storage refuses HEAD is there all the same; one that is not there is not", async () => {
  let status = 403;
  await using storage = await startServer((_, output) => void output.writeHead(status).end());
  await using server = await startServer((input, output) => {
    output.writeHead(307, { Location: `${storage.origin}${input.url}` }).end();
  });
  const publication = openPushTarget(transport, plainConnection(server.origin), "a", {});
  assert.equal(await publication.hasBlob(digestOf("x")), true);
  status = 404;
  assert.equal(await publication.hasBlob(digestOf("x")), false);
  server.handle = (_, output) => refuse(output, 403, "DENIED");
  assert.equal(await publication.hasBlob(digestOf("x")), false);
});
