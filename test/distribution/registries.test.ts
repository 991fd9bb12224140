import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { after, test } from "node:test";
import { openHttpTransport } from "../../src/distribution/http-transport.ts";
import { domainOf, logIn } from "../../src/distribution/login.ts";
import { startNetwork } from "../../src/distribution/network.ts";
import { findProxy, readProxyVariables } from "../../src/distribution/proxies.ts";
import { openRegistries } from "../../src/distribution/registries.ts";
import { openRepository } from "../../src/distribution/repository.ts";
import { parseInsecure, parseMirrors, type RegistrySettings } from "../../src/distribution/settings.ts";
import { mediaTypes } from "../../src/formats/oci-manifest.ts";
import { createGrowth } from "../../src/sys/growing-file.ts";
import {
  addBlob,
  addManifest,
  createContent,
  makeCertificate,
  makeFolder,
  plainConnection,
  quickSettings,
  refuse,
  serveContent,
  startDockerRegistry,
  startServer,
} from "./fixtures.ts";

const transport = openHttpTransport();
after(() => transport.close());

const registriesWith = (changes: Partial<RegistrySettings> = {}) =>
  openRegistries(quickSettings(changes), transport);

async function getManifest(domain: string, changes: Partial<RegistrySettings> = {}) {
  const connection = await registriesWith(changes).own(domain).connect();
  return openRepository(transport, connection, "a/b", {}).getManifest("1");
}

const content = createContent();
const digest = addManifest(content, "1", mediaTypes.manifest, {});

test("loopback may speak plain HTTP; elsewhere the error says what to do", async () => {
  await using server = await startServer(serveContent(content));
  assert.equal((await getManifest(server.host)).digest, digest);
  await assert.rejects(getManifest(server.host, { insecure: [] }), {
    kind: "unavailable",
    message: new RegExp(
      `^Get "https://${server.host}/v2/a/b/manifests/1": http: server gave HTTP response to HTTPS client; .*add "${server.host}" to "insecure-registries"`,
    ),
  });
  assert.equal((await getManifest(server.host, { insecure: [server.host] })).digest, digest);
  assert.equal((await getManifest(server.host, { insecure: ["127.0.0.0/24"] })).digest, digest);
  assert.equal((await getManifest(server.host.replace("127.0.0.1", "localhost"))).digest, digest);
});

test("TLS: trusted by certs.d, by nobody, expired, and unverified where it may be", async () => {
  using folder = makeFolder();
  const own = makeCertificate(folder.path);
  await using server = await startServer(serveContent(content), own);
  await assert.rejects(
    getManifest(server.host, { insecure: [] }),
    /x509: certificate signed by unknown authority.*certs\.d/,
  );
  assert.equal((await getManifest(server.host)).digest, digest);
  const certificates = join(folder.path, "certs.d", server.host);
  mkdirSync(certificates, { recursive: true });
  writeFileSync(join(certificates, "ca.crt"), own.cert);
  const trusted = { insecure: [], certificateFolders: [join(folder.path, "certs.d")] };
  assert.equal((await getManifest(server.host, trusted)).digest, digest);
  writeFileSync(join(certificates, "client.cert"), own.cert);
  await assert.rejects(getManifest(server.host, trusted), /missing key client.key for client certificate/);

  using old = makeFolder();
  const expired = makeCertificate(old.path, -5);
  await using late = await startServer(serveContent(content), expired);
  mkdirSync(join(folder.path, "certs.d", late.host));
  writeFileSync(join(folder.path, "certs.d", late.host, "ca.crt"), expired.cert);
  await assert.rejects(getManifest(late.host, trusted), /x509: certificate has expired or is not yet valid/);
});

test("a client certificate is shown to its registry and to nobody it points to", async () => {
  using folder = makeFolder();
  const own = makeCertificate(folder.path);
  const shown: boolean[] = [];
  const watch = { ...own, ca: own.cert, requestCert: true, rejectUnauthorized: false };
  const seen = (input: { socket: object }) =>
    (input.socket as { getPeerCertificate(): object }).getPeerCertificate();
  await using elsewhere = await startServer((input, output) => {
    shown.push(Object.keys(seen(input)).length > 0);
    serveContent(content)(input, output);
  }, watch);
  await using server = await startServer((input, output) => {
    shown.push(Object.keys(seen(input)).length > 0);
    output.writeHead(307, { Location: `${elsewhere.origin}${input.url}` }).end();
  }, watch);
  const certificates = join(folder.path, "certs.d", server.host);
  mkdirSync(certificates, { recursive: true });
  for (const name of ["ca.crt", "client.cert"]) writeFileSync(join(certificates, name), own.cert);
  writeFileSync(join(certificates, "client.key"), own.key);
  await getManifest(server.host, { insecure: [], certificateFolders: [join(folder.path, "certs.d")] });
  assert.deepEqual(shown, [true, false]);
});

test("nobody there, a name that is none, a redirect in a circle, an answer without end", async () => {
  await using server = await startServer((input, output) => {
    output.writeHead(302, { Location: input.url ?? "" }).end();
  });
  await assert.rejects(getManifest(server.host), /stopped after 10 redirects/);
  assert.ok(server.requests.length < 30);
  server.handle = (input, output) => {
    if (input.url === "/v2/") return void output.end("{}");
    output.on("error", () => {});
    const more = () => {
      while (!output.destroyed && output.write(Buffer.alloc(65_536, "x")));
    };
    output.on("drain", more);
    more();
  };
  await assert.rejects(getManifest(server.host), /larger than 4194304 bytes/);
  server.handle = (input, output) => {
    // Never a whole answer, always a byte.
    if (input.url === "/v2/") return void output.end("{}");
    output.write(" ");
    const timer = setInterval(() => output.write(" "), 100);
    output.once("close", () => clearInterval(timer));
  };
  await assert.rejects(getManifest(server.host, { patienceSeconds: 0.3 }), /timeout while reading body/);
  await assert.rejects(getManifest("127.0.0.1:1"), /dial tcp 127.0.0.1:1: connect: connection refused/);
  await assert.rejects(
    getManifest("no-such-host.invalid"),
    /dial tcp: lookup no-such-host.invalid: no such host|name resolution/,
  );
});

test("mirrors are asked first, get no credentials, and words for other registries are theirs", async () => {
  const mirrors = parseMirrors(["https://m1", "ghcr.io=http://m2:5000", "https://m3/"]);
  assert.deepEqual(mirrors, { "docker.io": ["https://m1", "https://m3"], "ghcr.io": ["http://m2:5000"] });
  const ends = registriesWith({ mirrors }).endpoints("docker.io");
  const origins = await Promise.all(ends.map(async (end) => [end.isMirror, (await end.connect()).origin]));
  assert.deepEqual(origins, [
    [true, "https://m1"],
    [true, "https://m3"],
    [false, "https://registry-1.docker.io"],
  ]);
  for (const bad of ["m1", "ftp://x", "https://x/y", "https://u:p@x", "https://x?y"]) {
    assert.throws(() => parseMirrors([bad]), { kind: "invalid" });
  }
  for (const bad of ["http://x", "", "x/y", "10.0.0.0/x"])
    assert.throws(() => parseInsecure([bad]), { kind: "invalid" });
});

test("a layer's download is tried as often as is said, at a mirror twice at most", async () => {
  using folder = makeFolder();
  const blob = addBlob(content, "a layer");
  let tries = 0;
  await using server = await startServer((input, output) => {
    if (!input.url?.includes("/blobs/")) return serveContent(content)(input, output);
    tries++;
    output.destroy();
  });
  for (const [downloadAttempts, ofMirror] of [
    [1, 1],
    [3, 2],
  ] as const) {
    const mirrors = { "registry.invalid": [server.origin] };
    const registries = registriesWith({ downloadAttempts, mirrors });
    for (const [endpoint, expected] of [
      [registries.own(server.host), downloadAttempts],
      [registries.endpoints("registry.invalid")[0], ofMirror],
    ] as const) {
      tries = 0;
      const repository = openRepository(transport, await endpoint!.connect(), "a/b", {});
      await assert.rejects(
        repository.download(blob, { path: join(folder.path, "blob"), growth: createGrowth() }),
        { kind: "unavailable" },
      );
      assert.equal(tries, expected);
    }
  }
});

test("proxies: by scheme, not for this machine, with exceptions as Go reads them", () => {
  const proxies = readProxyVariables({
    HTTPS_PROXY: "proxy:3128",
    http_proxy: "http://p",
    NO_PROXY: "example.com, .only.below,10.0.0.0/8, x.y:5000 ,192.168.1.1",
  });
  const found = (url: string) => findProxy(proxies, new URL(url));
  assert.equal(found("https://ghcr.io"), "http://proxy:3128");
  assert.equal(found("http://ghcr.io"), "http://p");
  for (const own of ["https://localhost:5000", "https://127.3.2.1", "https://[::1]:5000"])
    assert.equal(found(own), undefined);
  for (const not of ["example.com", "a.example.com", "b.only.below", "10.9.8.7", "x.y:5000", "192.168.1.1"]) {
    assert.equal(found(`https://${not}`), undefined, not);
  }
  for (const yes of ["anexample.com", "only.below", "11.0.0.1", "x.y:5001", "192.168.1.2"]) {
    assert.equal(found(`https://${yes}`), "http://proxy:3128", yes);
  }
});

test("a proxy is gone through: for plain HTTP by the whole address, for TLS by a tunnel; its password is its own", async () => {
  using folder = makeFolder();
  const passwords: (string | undefined)[] = [];
  const serve = serveContent(content);
  const watch = (input: IncomingMessage, output: ServerResponse) => {
    passwords.push(input.headers["proxy-authorization"]);
    serve(input, output);
  };
  await using plain = await startServer(watch);
  await using encrypted = await startServer(watch, makeCertificate(folder.path));
  const asked: string[] = [];
  const proxy = createServer((input, output) => {
    asked.push(`${input.method} ${input.url} ${input.headers["proxy-authorization"]}`);
    const { pathname } = new URL(input.url ?? "");
    get(`${plain.origin}${pathname}`, (answer) => {
      output.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(output);
    });
  }).on("connect", (input, socket) => {
    asked.push(`CONNECT ${input.url} ${input.headers["proxy-authorization"]}`);
    const other = connect(Number(encrypted.host.split(":")[1]), "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      other.pipe(socket).pipe(other);
    });
    socket.on("error", () => other.destroy());
    other.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  const { port } = proxy.address() as { port: number };
  const address = `http://me:secret@127.0.0.1:${port}`;
  const proxies = { http: address, https: address, exceptions: [] };
  for (const origin of ["http://registry.invalid", "https://registry.invalid"]) {
    const tls = { isVerified: false, authorities: [] };
    const connection = { ...plainConnection(origin), tls, proxies };
    const repository = openRepository(transport, connection, "a/b", {});
    assert.equal((await repository.getManifest("1")).digest, digest);
  }
  const basic = `Basic ${Buffer.from("me:secret").toString("base64")}`;
  assert.deepEqual(asked, [
    `GET http://registry.invalid/v2/a/b/manifests/1 ${basic}`,
    `CONNECT registry.invalid:443 ${basic}`,
  ]);
  assert.deepEqual(passwords, [undefined, undefined]);
  proxy.closeAllConnections();
  proxy.close();
});

test("login: Basic and tokens, right and wrong; a password goes to no unencrypted token server of an encrypted registry", async () => {
  using folder = makeFolder();
  const passwords = execFileSync("htpasswd", ["-Bbn", "u", "secret"], { encoding: "utf8" });
  writeFileSync(join(folder.path, "htpasswd"), passwords);
  await using basic = await startDockerRegistry({
    auth: { htpasswd: { realm: "x", path: join(folder.path, "htpasswd") } },
  });
  const registries = registriesWith({ patienceSeconds: 20 });
  const user = { username: "u", password: "secret", serverAddress: basic.host };
  assert.equal(await logIn(registries, user), undefined);
  await assert.rejects(logIn(registries, { ...user, password: "wrong" }), { kind: "unauthorized" });
  await assert.rejects(logIn(registries, { serverAddress: basic.host }), /no basic auth credentials/);

  await using server = await startServer((input, output) => {
    const url = new URL(input.url ?? "", server.origin);
    const isRight = input.headers.authorization === `Basic ${Buffer.from("u:secret").toString("base64")}`;
    if (url.pathname === "/token") {
      if (!isRight) return refuse(output, 401, "UNAUTHORIZED", "incorrect username or password");
      assert.equal(url.searchParams.get("offline_token"), "true");
      return void output.end(JSON.stringify({ token: "t", refresh_token: "r" }));
    }
    if (input.headers.authorization === "Bearer t") return void output.end("{}");
    output.setHeader("WWW-Authenticate", `Bearer realm="${server.origin}/token"`);
    refuse(output, 401, "UNAUTHORIZED");
  });
  assert.equal(await logIn(registries, { ...user, serverAddress: server.host }), "r");
  await assert.rejects(logIn(registries, { ...user, password: "x", serverAddress: server.host }), {
    kind: "unauthorized",
    message: /^Get "http:.*\/v2\/": unauthorized: incorrect username or password$/,
  });

  for (const [status, body, message] of [
    [401, '{"details":"no such account"}', "unauthorized: no such account"],
    [401, '{"errors":[{"code":"DENIED","message":"token says no"}]}', "denied: token says no"],
    [401, "plain text", "unauthorized: plain text"],
    [401, "", "unauthorized: incorrect username or password"],
    [401, "<html>a page</html>", "unauthorized: incorrect username or password"],
    [403, '{"error":"invalid_grant","error_description":"it is closed"}', "denied: it is closed"],
    [403, '{"message":"not today"}', "denied: not today"],
  ] as const) {
    await using refusing = await startServer((input, output) => {
      const isToken = input.url?.startsWith("/token");
      if (!isToken) output.setHeader("WWW-Authenticate", `Bearer realm="${refusing.origin}/token"`);
      output.statusCode = isToken ? status : 401;
      output.end(isToken ? body : "");
    });
    await assert.rejects(logIn(registries, { ...user, serverAddress: refusing.host }), {
      kind: "unauthorized",
      message: `Get "${refusing.origin}/v2/": ${message}`,
    });
  }

  let isAsked = false;
  await using thief = await startServer((_, output) => {
    isAsked = true;
    output.end("{}");
  });
  await using safe = await startServer((_, output) => {
    output.setHeader("WWW-Authenticate", `Bearer realm="${thief.origin}/token"`);
    refuse(output, 401, "UNAUTHORIZED");
  }, makeCertificate(folder.path));
  await assert.rejects(logIn(registries, { ...user, serverAddress: safe.host }), /unencrypted/);
  assert.equal(isAsked, false);
  assert.equal(domainOf("https://index.docker.io/v1/"), "docker.io");
  assert.equal(domainOf("https://ghcr.io"), "ghcr.io");
});

test("the network's own thread answers as this one does", async () => {
  const network = startNetwork();
  await using server = await startServer(serveContent(content));
  const registries = openRegistries(quickSettings(), network);
  const connection = await registries.own(server.host).connect();
  const repository = openRepository(network, connection, "a/b", {});
  assert.equal((await repository.getManifest("1")).digest, digest);
  await assert.rejects(repository.getManifest("2"), { kind: "notFound" });
  const controller = new AbortController();
  server.handle = () => controller.abort();
  await assert.rejects(repository.getManifest("1", controller.signal), { name: "AbortError" });
  await network.close();
});

test("the daemon's own thread does not load HTTP for registries", () => {
  const bundle = new URL("../../dist/daemon/main.js", import.meta.url);
  assert.doesNotMatch(readFileSync(bundle, "utf8"), /node_modules\/undici/);
});
