import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { fillersOf } from "../../src/registry/htpasswd.ts";
import { eventually } from "../engine.ts";
import { codeOf, makeLayout, skopeo } from "./fixtures.ts";
import { type ServerProcess, startServer } from "./server.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-registry-"));
const file = (name: string) => join(folder, name);
let server: ServerProcess;

/** A certificate for 127.0.0.1 that is its own authority. */
function makeCertificate(name: string): void {
  const words =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -addext subjectAltName=IP:127.0.0.1";
  const files = ["-subj", `/CN=${name}`, "-keyout", file("key.pem"), "-out", file("cert.pem")];
  execFileSync("openssl", [...words.split(" "), ...files], { stdio: "ignore" });
}

const addUser = (name: string, password: string) =>
  execFileSync("htpasswd", ["-bB", "-C", "6", file("users"), name, password], { stdio: "ignore" });

before(async () => {
  writeFileSync(file("users"), "# who may push\n");
  addUser("anna", "secret");
  makeCertificate("first");
  const words = ["--auth", file("users"), "--tls-cert", file("cert.pem"), "--tls-key", file("key.pem")];
  server = await startServer(["--root", file("data"), ...words]);
});
after(async () => {
  await server.end();
  rmSync(folder, { recursive: true });
});

/** Over TLS with the certificate as its own authority. */
function ask(path: string, auth?: string, method = "GET"): Promise<Response & { subject: string }> {
  return new Promise((resolve, reject) => {
    const options = { rejectUnauthorized: false, agent: false, method, ...(auth !== undefined && { auth }) };
    const call = get(`https://${server.host}${path}`, options, async (answer) => {
      const subject = (answer.socket as import("node:tls").TLSSocket).getPeerCertificate().subject.CN;
      const parts: Buffer[] = [];
      for await (const part of answer) parts.push(part);
      const { statusCode: status, headers } = answer;
      const init = { status: status ?? 0, headers: headers as Record<string, string> };
      const response = new Response(new Uint8Array(Buffer.concat(parts)), init);
      resolve(Object.assign(response, { subject: String(subject) }));
    });
    call.on("error", reject);
  });
}

it("lets in who has the password, and tells others how to", async () => {
  for (const auth of [undefined, "anna:wrong", "nobody:secret", "anna:", ":", "anna"]) {
    const answer = await ask("/v2/", auth);
    assert.equal(answer.status, 401, auth ?? "nothing");
    assert.match(answer.headers.get("www-authenticate") ?? "", /^Basic realm="/);
    assert.equal(await codeOf(answer), "UNAUTHORIZED");
  }
  for (const path of ["/v2/_catalog", "/v2/a/tags/list", "/elsewhere"]) {
    assert.equal((await ask(path)).status, 401, path);
  }
  for (let times = 0; times < 3; times++) assert.equal((await ask("/v2/", "anna:secret")).status, 200);
});

it("reads the file again when it changes, and lets nobody in while it cannot be read", async () => {
  assert.equal((await ask("/v2/", "bob:other")).status, 401);
  addUser("bob", "other");
  assert.equal((await ask("/v2/", "bob:other")).status, 200);
  addUser("anna", "changed");
  assert.equal((await ask("/v2/", "anna:secret")).status, 401, "the old password");
  writeFileSync(file("users"), "anna:{SHA}plain\n");
  assert.equal((await ask("/v2/", "anna:changed")).status, 503);
  rmSync(file("users"));
  assert.equal((await ask("/v2/", "bob:other")).status, 503);
  writeFileSync(file("users"), "");
  addUser("anna", "secret");
  assert.equal((await ask("/v2/", "anna:secret")).status, 200);
  assert.equal((await ask("/v2/", "bob:other")).status, 401);
});

it("checks of passwords hold up nobody else", async () => {
  execFileSync("htpasswd", ["-bB", "-C", "13", file("users"), "slow", "secret"], { stdio: "ignore" });
  assert.equal((await ask("/v2/", "anna:secret")).status, 200);
  const checks = [1, 2, 3].map((number) => ask("/v2/", `slow:${number}`));
  const first = await Promise.race([ask("/v2/", "anna:secret"), ...checks]);
  assert.equal(first.status, 200, "one whose password is known goes first");
  for (const { status } of await Promise.all(checks)) assert.equal(status, 401);
});

it("lets in who has the password while others try names and passwords without end", async () => {
  writeFileSync(file("users"), "");
  addUser("anna", "secret");
  let isOver = false;
  let tries = 0;
  const answers = new Set<number>();
  const attackers = Array.from({ length: 90 }, async (_, number) => {
    while (!isOver) {
      answers.add((await ask("/v2/", `nobody${number}-${tries++}:guess`)).status);
    }
  });
  await eventually(
    () => tries,
    (count) => count > 150,
  );
  addUser("late", "comer");
  for (const auth of ["late:comer", "anna:secret"]) assert.equal((await ask("/v2/", auth)).status, 200, auth);
  isOver = true;
  await Promise.all(attackers);
  assert.deepEqual([...answers], [401]);
});

it("takes as long for a name that is not there as for any that is", () => {
  const dearest = 9;
  const timeOf = (hash: string | undefined) =>
    [hash ?? `$2y$0${dearest}$`, ...fillersOf(hash, dearest)]
      .map((one) => 2 ** Number(one.slice(4, 6)))
      .reduce((sum, part) => sum + part, 0);
  for (const hash of [undefined, "$2y$04$", "$2y$08$", "$2y$09$"]) assert.equal(timeOf(hash), 2 ** dearest);
});

it("skopeo logs in over TLS, pushes and pulls; without the authority or the password it does not", async () => {
  const certificates = file("certs");
  mkdirSync(certificates, { recursive: true });
  writeFileSync(join(certificates, "ca.crt"), execFileSync("cat", [file("cert.pem")]));
  makeLayout(file("image"), [1000]);
  const name = `docker://${server.host}/private/app:v1`;
  const push = (...flags: string[]) => skopeo("copy", ...flags, `oci:${file("image")}:made`, name);
  const trust = ["--dest-cert-dir", certificates];
  await push(...trust, "--dest-creds", "anna:secret");
  await skopeo(
    "copy",
    "--src-cert-dir",
    certificates,
    "--src-creds",
    "anna:secret",
    name,
    `oci:${file("back")}`,
  );
  await assert.rejects(push(...trust, "--dest-creds", "anna:wrong"), /unauthorized|authentication required/i);
  await assert.rejects(push(...trust), /unauthorized|authentication required/i);
  await assert.rejects(push("--dest-creds", "anna:secret"), /certificate/);
});

it("takes a renewed certificate on SIGHUP, and keeps the old one when the new cannot be read", async () => {
  assert.equal((await ask("/v2/")).subject, "first");
  makeCertificate("second");
  process.kill(server.pid, "SIGHUP");
  await eventually(
    async () => (await ask("/v2/")).subject,
    (subject) => subject === "second",
  );
  rmSync(file("cert.pem"));
  process.kill(server.pid, "SIGHUP");
  await eventually(
    () => server.log(),
    (log) => /The certificate stays as it was/.test(log),
  );
  assert.equal((await ask("/v2/")).subject, "second");
});

it("does not start with what it cannot use, and says why", async () => {
  writeFileSync(file("md5"), "anna:$apr1$x$y\n");
  for (const [words, reason] of [
    [["--auth", file("none")], /cannot read the password file/],
    [["--auth", file("md5")], /md5, line 1: .*htpasswd -B/],
    [["--tls-cert", file("key.pem")], /go together/],
    [["--auth", file("users"), "--listen", "0.0.0.0:0"], /passwords unencrypted .*--allow-plain-http/],
    [["--auth", file("users"), "--listen", "0"], /passwords unencrypted/],
    [["--auth", file("users"), "--listen", "[::]:0"], /passwords unencrypted/],
    [["--listen", "somewhere"], /use ADDRESS:PORT/],
    [["--listen", server.host], /address already in use/i],
    [["--root", file("users/inside")], /users\/inside/],
  ] as const) {
    await assert.rejects(startServer(["--root", file("other"), ...words]), reason);
  }
});

it("takes passwords unencrypted from other machines when that is allowed by name", async () => {
  writeFileSync(file("proxied"), "");
  execFileSync("htpasswd", ["-bB", "-C", "4", file("proxied"), "anna", "secret"], { stdio: "ignore" });
  const words = ["--root", file("plain"), "--auth", file("proxied"), "--allow-plain-http"];
  const plain = await startServer([...words, "--listen", "0.0.0.0:0"]);
  const answer = await fetch(`http://127.0.0.1:${plain.host.split(":").at(-1)}/v2/`, {
    headers: { Authorization: `Basic ${Buffer.from("anna:secret").toString("base64")}` },
  });
  assert.equal(answer.status, 200);
  await plain.end();
});
