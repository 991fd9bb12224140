import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import https from "node:https";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { PassThrough, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, test } from "node:test";
import type { Cli } from "../../src/cli/cli.ts";
import { command as dialStdio } from "../../src/cli/system/dial-stdio.ts";
import { createClient } from "../../src/client/client.ts";
import { certFolderFiles, readTlsFiles } from "../../src/client/host.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "berth-tls-"));
const file = (name: string) => path.join(folder, name);
let server: https.Server;
let host = "";

/** A certificate of our own authority for 127.0.0.1, as NAME.pem and NAME-key.pem. */
function makeCertificate(name: string) {
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe" });
  const isAuthority = name === "ca";
  const key = isAuthority ? "ca-key.pem" : `${name}-key.pem`;
  const signer = isAuthority ? [] : ["-CA", "ca.pem", "-CAkey", "ca-key.pem"];
  const names = isAuthority
    ? []
    : ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl(
    "req",
    "-x509",
    ...curve,
    "-keyout",
    key,
    "-out",
    `${name}.pem`,
    "-subj",
    `/CN=${name}`,
    "-days",
    "2",
    ...names,
    ...signer,
  );
}

before(async () => {
  makeCertificate("ca");
  makeCertificate("server");
  makeCertificate("cert");
  const settings = {
    ca: readFileSync(file("ca.pem")),
    cert: readFileSync(file("server.pem")),
    key: readFileSync(file("server-key.pem")),
    requestCert: true,
    rejectUnauthorized: true,
  };
  server = https.createServer(settings, (_request, response) => response.end('{"Version":"secret"}'));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `tcp://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

after(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const createTrusted = () =>
  createClient({
    host,
    tls: readTlsFiles({
      ca: file("ca.pem"),
      cert: file("cert.pem"),
      key: file("cert-key.pem"),
      isVerified: true,
    }),
  });

test("with the authority and a certificate of its own a client is let in", async () => {
  const client = await createTrusted();
  assert.equal((await client.version()).Version, "secret");
});

test("a server of an unknown authority is refused, unless verifying is switched off", async () => {
  const own = { cert: file("cert.pem"), key: file("cert-key.pem") };
  const strict = await createClient({ host, tls: readTlsFiles({ ...own, isVerified: true }) });
  await assert.rejects(strict.version(), /error during connect: .*(self-signed|unable to|verify)/i);
  const lax = await createClient({ host, tls: readTlsFiles({ ...own, isVerified: false }) });
  assert.equal((await lax.version()).Version, "secret");
});

test("without a certificate of its own a client is turned away", async () => {
  const client = await createClient({ host, tls: readTlsFiles({ ca: file("ca.pem"), isVerified: true }) });
  await assert.rejects(client.version());
  assert.deepEqual(certFolderFiles("/c"), { ca: "/c/ca.pem", cert: "/c/cert.pem", key: "/c/key.pem" });
});

test("dial-stdio speaks TLS where the client does", async () => {
  const client = await createTrusted();
  const stdin = Readable.from([Buffer.from("GET / HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n")]);
  const stdout = new PassThrough();
  const cli = { client: async () => client, stdin, stdout } as unknown as Cli;
  await dialStdio.execute(cli, "system dial-stdio", []);
  stdout.end();
  assert.match(await text(stdout), /^HTTP\/1\.1 200 OK\r\n[\s\S]*\{"Version":"secret"\}/);
});
