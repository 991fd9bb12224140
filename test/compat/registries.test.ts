import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { makeCertificate, startDockerRegistry } from "../distribution/fixtures.ts";
import { output, useEngine } from "../engine.ts";
import { makeLayout, skopeo } from "../registry/fixtures.ts";
import { startServer } from "../registry/server.ts";
import { stockDockers } from "../stock-docker.ts";

/** Programs that push and pull: the oldest and the newest docker, and ours, against our engine. */
const clients = ["berth", ...new Set([stockDockers[0]!, stockDockers.at(-1)!]), "skopeo"];

interface Peer {
  host: string;
  isGuarded: boolean;
  close(): Promise<unknown>;
}

describe("every client with every registry", () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-clients-"));
  const file = (name: string) => join(folder, name);
  const peers: Record<string, Peer> = {};

  before(async () => {
    const { cert, key } = makeCertificate(folder);
    writeFileSync(file("cert.pem"), cert);
    writeFileSync(file("key.pem"), key);
    mkdirSync(file("certs"));
    writeFileSync(file("certs/ca.crt"), cert);
    execFileSync("htpasswd", ["-cbB", "-C", "5", file("users"), "anna", "secret"], { stdio: "ignore" });
    const guard = ["--auth", file("users"), "--tls-cert", file("cert.pem"), "--tls-key", file("key.pem")];
    for (const isGuarded of [false, true]) {
      const ours = await startServer(["--root", file(`ours-${isGuarded}`), ...(isGuarded ? guard : [])]);
      const theirs = await startDockerRegistry(
        isGuarded
          ? {
              http: { tls: { certificate: file("cert.pem"), key: file("key.pem") } },
              auth: { htpasswd: { realm: "x", path: file("users") } },
            }
          : {},
      );
      const how = isGuarded ? "with TLS and a password" : "in plain";
      peers[`our registry ${how}`] = { host: ours.host, isGuarded, close: () => ours.end() };
      peers[`docker-registry ${how}`] = {
        host: theirs.host,
        isGuarded,
        close: async () => theirs[Symbol.asyncDispose](),
      };
    }
    const auth = Buffer.from("anna:secret").toString("base64");
    const auths = Object.fromEntries(Object.values(peers).map(({ host }) => [host, { auth }]));
    writeFileSync(file("config.json"), JSON.stringify({ auths }));
    await berth("save", "-o", file("busybox.tar"), "busybox");
  });
  after(async () => {
    await Promise.all(Object.values(peers).map((peer) => peer.close()));
    rmSync(folder, { recursive: true });
  });

  const flagsOf = ({ isGuarded }: Peer, side: string) =>
    isGuarded
      ? [`--${side}cert-dir=${file("certs")}`, `--${side}creds=anna:secret`]
      : [`--${side}tls-verify=false`];
  const run = (program: string, ...words: string[]) =>
    output(program === "berth" ? engine.berth : engine.cli(program), ["--config", folder, ...words]);

  async function push(program: string, peer: Peer, name: string): Promise<void> {
    if (program === "skopeo") {
      const source = `docker-archive:${file("busybox.tar")}`;
      await skopeo("copy", ...flagsOf(peer, "dest-"), source, `docker://${name}`);
      return;
    }
    await berth("tag", "busybox", name);
    await run(program, "push", name);
    await berth("rmi", name);
  }

  async function digestFor(program: string, peer: Peer, name: string): Promise<string> {
    if (program === "skopeo") {
      const back = mkdtempSync(file("back-"));
      await skopeo("copy", ...flagsOf(peer, "src-"), `docker://${name}`, `dir:${back}`);
      return skopeo("manifest-digest", join(back, "manifest.json")).then((text) => text.trim());
    }
    const pulled = await run(program, "pull", name);
    assert.equal(await berth("run", "--rm", name, "echo", "hello"), "hello");
    await berth("rmi", name);
    return /^Digest: (sha256:\w+)$/m.exec(pulled)?.[1] ?? pulled;
  }

  for (const how of ["in plain", "with TLS and a password"]) {
    for (const registry of ["our registry", "docker-registry"]) {
      it(`${registry} ${how}: what any client pushes, all pull the same`, async () => {
        const peer = peers[`${registry} ${how}`]!;
        for (const [number, pusher] of clients.entries()) {
          const name = `${peer.host}/team/box-${number}:v1`;
          await push(pusher, peer, name);
          const digests = new Set<string>();
          for (const puller of clients) digests.add(await digestFor(puller, peer, name));
          assert.equal(digests.size, 1, `${pusher}: ${[...digests]}`);
        }
      });
    }
  }

  it("an image that goes from one registry through the engine to another has the same digest there", async () => {
    const [from, to] = [peers["our registry in plain"]!, peers["docker-registry in plain"]!];
    const first = `${from.host}/round/trip:v1`;
    const { digest } = makeLayout(file("image"), [300_000, 20_000]);
    await skopeo("copy", ...flagsOf(from, "dest-"), `oci:${file("image")}:made`, `docker://${first}`);
    let last = first;
    for (const next of [to, from]) {
      const name = `${next.host}/round/trip-${next === to ? 1 : 2}:v1`;
      await berth("pull", last);
      await berth("tag", last, name);
      await berth("rmi", last);
      await berth("push", name);
      last = name;
      assert.equal(await digestFor("skopeo", next, last), digest);
    }
    await berth("rmi", last);
  });
});
