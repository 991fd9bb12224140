import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { makeCertificates } from "../certificates.ts";
import { startEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

it("serves TCP with TLS to clients that its authority knows, and to no other", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tls-"));
  makeCertificates(folder);
  const file = (name: string) => join(folder, name);
  const flags = [
    "--tlsverify",
    "--tlscacert",
    file("ca.pem"),
    "--tlscert",
    file("server.pem"),
    "--tlskey",
    file("server-key.pem"),
  ];
  const engine = await startEngine([...flags, "-H", "tcp://127.0.0.1:0"]);
  const port = await engine.tcpPort();
  try {
    const tls = ["-H", `tcp://127.0.0.1:${port}`, "--tlsverify", "--tlscacert", file("ca.pem")];
    const known = [...tls, "--tlscert", file("client.pem"), "--tlskey", file("client-key.pem")];
    for (const program of [engine.berth, ...stockDockers.map(engine.cli)]) {
      const answer = await program([...known, "version", "--format", "{{.Server.Version}}"]);
      assert.equal(answer.code, 0, answer.stderr);
      assert.match(answer.stdout, /^\d+\.\d+\.\d+\n$/);
      assert.notEqual((await program([...tls, "version"])).code, 0, "no certificate");
      assert.notEqual((await program(["-H", `tcp://127.0.0.1:${port}`, "version"])).code, 0, "no TLS");
    }
  } finally {
    await engine.stop();
    rmSync(folder, { recursive: true });
  }
});
