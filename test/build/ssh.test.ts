import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";
import { newestDocker } from "./docker-client.ts";
import { type SshServer, sshd, startSshServer } from "./ssh-server.ts";

const berthProgram = fileURLToPath(new URL("../../berth", import.meta.url));

describe("builds and ssh", { skip: !sshd && "there is no sshd: see scripts/unpack.sh" }, () => {
  const { engine, berth } = useEngine();
  const folder = mkdtempSync(join(tmpdir(), "berth-ssh-"));
  let server: SshServer;
  before(async () => {
    await berth("image", "make", "busybox");
    server = await startSshServer(folder);
    const work = writeFiles(join(folder, "work"), {
      Dockerfile: "FROM busybox\nCOPY file /from-repository\n",
      file: "over ssh",
    });
    for (const words of [
      ["init", "-q", "-b", "main"],
      ["add", "-A"],
      ["-c", "user.email=a@b.c", "-c", "user.name=n", "commit", "-qm", "first"],
      ["clone", "-q", "--bare", ".", join(folder, "repo.git")],
    ])
      assert.equal(spawnSync("git", words, { cwd: work }).status, 0);
  });
  after(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });
  const address = () => `ssh://root@127.0.0.1:${server.port}${folder}/repo.git`;

  function build(program: string, ...words: string[]): Promise<{ code: number | null; output: string }> {
    return new Promise((resolve) => {
      const hosts = { DOCKER_HOST: engine.host, BERTH_HOST: engine.host, DOCKER_BUILDKIT: "1" };
      const env = { ...process.env, ...hosts, SSH_AUTH_SOCK: server.agentSocket };
      const child = spawn(program, ["build", ...words], { env, timeout: 120_000 });
      let output = "";
      child.stdout.on("data", (text) => (output += text));
      child.stderr.on("data", (text) => (output += text));
      child.on("close", (code) => resolve({ code, output }));
    });
  }

  for (const [name, program] of [
    ["berth", berthProgram],
    ["docker", newestDocker],
  ] as const) {
    it(`the context and what ADD names come over ssh, by the client's agent, with ${name}`, async () => {
      const built = await build(program, "--ssh", "default", "-t", `context:${name}`, `${address()}#main`);
      assert.equal(built.code, 0, built.output);
      const place = writeFiles(join(folder, `add-${name}`), {
        Dockerfile: `FROM busybox\nADD ${address()}#main /src\n`,
      });
      const added = await build(program, "--no-cache", "--ssh", "default", "-t", `add:${name}`, place);
      assert.equal(added.code, 0, added.output);
      assert.equal(await berth("run", "--rm", `context:${name}`, "cat", "/from-repository"), "over ssh");
      assert.equal(await berth("run", "--rm", `add:${name}`, "cat", "/src/file"), "over ssh");
      const without = await build(program, "--no-cache", place);
      assert.equal(without.code, 1);
      assert.match(without.output, /failed to fetch remote ssh:/);
    });

    it(`a step's ssh logs in with the client's key, and has the key nowhere, with ${name}`, async () => {
      const place = writeFiles(join(folder, `run-${name}`), {
        Dockerfile: `FROM busybox
COPY root /
RUN --mount=type=ssh --network=host ssh-add -l && \\
  ssh -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null \\
  -p ${server.port} root@127.0.0.1 echo logged in > /said && ! ls /root/.ssh
`,
      });
      const { stdout } = spawnSync("ldd", ["/usr/bin/ssh", "/usr/bin/ssh-add"], { encoding: "utf8" });
      for (const path of ["/usr/bin/ssh", "/usr/bin/ssh-add", ...new Set(stdout.match(/\/lib\S*/g))]) {
        const target = join(place, "root", path);
        mkdirSync(dirname(target), { recursive: true });
        copyFileSync(path, target);
      }
      const words = ["--allow", "network.host", "--ssh", "default", "-t", `step:${name}`, place];
      const built = await build(program, "--no-cache", "--progress", "plain", ...words);
      assert.equal(built.code, 0, built.output);
      assert.match(built.output, /256 SHA256:\S+ .*\(ED25519\)/);
      assert.equal(await berth("run", "--rm", `step:${name}`, "cat", "/said"), "logged in");
    });
  }
});
