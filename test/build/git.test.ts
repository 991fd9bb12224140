import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { writeFiles } from "./context-folder.ts";
import { newestDocker, useDocker } from "./docker-client.ts";

const token = "a-token-of-the-test";

describe("builds from git", () => {
  const { engine, berth } = useEngine();
  const { context, run, runWith } = useDocker(engine);
  const folder = mkdtempSync(join(tmpdir(), "berth-git-"));
  const work = join(folder, "work");
  const marks = join(folder, "marks");
  const git = (...words: string[]) =>
    execFileSync(
      "git",
      ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always", ...words],
      {
        cwd: work,
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      },
    ).trim();
  const server = createServer((request, response) => serveGit(folder, request, response));
  let host = "";
  const commits: Record<string, string> = {};

  function commit(name: string, files: Record<string, string>): void {
    writeFiles(work, files);
    git("add", "-A");
    git("commit", "-qm", name);
    commits[name] = git("rev-parse", "HEAD");
  }

  before(async () => {
    await berth("image", "make", "busybox");
    for (const path of [work, marks]) mkdirSync(path);
    chmodSync(marks, 0o777);
    // Those without rights could read what is in it.
    chmodSync(folder, 0o755);
    git("init", "-q", "-b", "main");
    commit("first", {
      Dockerfile: "FROM busybox\nCOPY . /all/\n",
      file: "first",
      "sub/Dockerfile": "FROM busybox\nCOPY x /x\n",
      "sub/x": "below",
    });
    git("tag", "v1");
    commit("second", {
      file: "second",
      "Dockerfile.who": "FROM busybox\nRUN id\n",
      "docker-bake.hcl": 'target "default" {\n  tags = ["from-git"]\n}\n',
    });
    for (const name of ["repository.git", "private.git"])
      git("clone", "-q", "--bare", work, join(folder, name));
    git("-C", join(folder, "repository.git"), "update-server-info");
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  const address = (name = "repository") => `http://${host}/${name}.git`;
  const show = async (image: string, ...words: string[]) =>
    (await run("run", "--rm", image, ...words)).stdout;

  it("takes a repository's bake file, and what it bakes", async () => {
    const baked = await run("buildx", "bake", "--progress", "plain", address());
    assert.equal(baked.code, 0, baked.stderr);
    assert.equal(await show("from-git", "cat", "/all/file"), "second");
  });

  it("takes a repository for its context: a branch, a tag, a commit, a directory in it", async () => {
    const wanted: [fragment: string, path: string, content: string][] = [
      ["", "/all/file", "second"],
      ["#v1", "/all/file", "first"],
      [`#${commits.first}`, "/all/file", "first"],
      ["#v1:sub", "/x", "below"],
      ["?tag=v1&subdir=sub", "/x", "below"],
    ];
    for (const [fragment, path, content] of wanted) {
      const built = await run("build", "-q", address() + fragment);
      assert.equal(built.code, 0, `${fragment}: ${built.stderr}`);
      assert.equal(await show(built.stdout.trim(), "cat", path), content, fragment);
    }
    // As clients without BuildKit ask for it.
    const query = new URLSearchParams({ t: "classic", remote: `${address()}#v1:sub` });
    const classic = await engine.api("POST", `/build?${query}`);
    assert.match(classic.body, /Successfully tagged classic:latest/);
    const built = await run("build", "--progress", "plain", "-t", "whole", address());
    assert.match(built.stderr, /\[internal\] load git source http:/);
    const listed = await show("whole", "sh", "-c", "ls -A /all; stat -c %u:%g /all/file");
    assert.deepEqual(listed.trim().split("\n"), [
      "Dockerfile",
      "Dockerfile.who",
      "docker-bake.hcl",
      "file",
      "sub",
      "0:0",
    ]);
  });

  it("adds one, with its history when that is asked for, and only the commit that is meant", async () => {
    const add = (flags: string) =>
      context("adding", {
        Dockerfile: `FROM busybox\nADD ${flags} ${address()}#v1 /got\nRUN ls -A /got > /list && cat /got/file\n`,
      });
    const built = await run("build", "-t", "added", add(""));
    assert.equal(built.code, 0, built.stderr);
    assert.deepEqual((await show("added", "cat", "/list")).trim().split("\n"), ["Dockerfile", "file", "sub"]);
    const kept = await run("build", "-t", "kept", add(`--keep-git-dir=true --checksum=${commits.first}`));
    assert.equal(kept.code, 0, kept.stderr);
    assert.match(await show("kept", "cat", "/list"), /^\.git$/m);
    const wrong = await run("build", add(`--checksum=${commits.second}`));
    assert.equal(wrong.code, 1);
    assert.match(
      wrong.stderr,
      new RegExp(`expected checksum to match ${commits.second}, got ${commits.first}`),
    );
  });

  it("keeps the history of a context by any word of Go's for yes", async () => {
    for (const [word, isKept] of [
      ["T", true],
      ["TRUE", true],
      ["yes", false],
    ] as const) {
      const built = await run(
        "build",
        "-q",
        "--build-arg",
        `BUILDKIT_CONTEXT_KEEP_GIT_DIR=${word}`,
        address(),
      );
      assert.equal(built.code, 0, built.stderr);
      const listed = await show(built.stdout.trim(), "ls", "-A", "/all");
      assert.equal(/^\.git$/m.test(listed), isKept, word);
    }
  });

  it("says what is not there", async () => {
    assert.match(
      (await run("build", address("nosuch"))).stderr,
      /failed to fetch remote http:.*nosuch\.git: git fetch: .*not found/s,
    );
    assert.match((await run("build", `${address()}#nosuch`)).stderr, /couldn't find remote ref nosuch/);
    assert.match((await run("build", `${address()}#main:nosuch`)).stderr, /"\/nosuch": not found/);
  });

  it("asks nothing for a private one, and gives the token that the client has", async () => {
    const refused = await run("build", address("private"));
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /could not read Username|Authentication failed/);
    const built = await runWith(
      { GIT_TOKEN: token },
      "build",
      "-q",
      "--secret",
      "id=GIT_AUTH_TOKEN,env=GIT_TOKEN",
      address("private"),
    );
    assert.equal(built.code, 0, built.stderr);
  });

  it("takes credentials from the address, and shows and keeps them nowhere", async () => {
    const secret = `http://x-access-token:${token}@${host}/private.git`;
    const place = context("secret", {
      Dockerfile: `FROM busybox\nADD --keep-git-dir=true ${secret} /got\nRUN ! grep -r ${token.slice(2)} /got/.git\n`,
    });
    const built = await run("build", "--progress", "plain", "-t", "secret", place);
    assert.equal(built.code, 0, built.stderr);
    assert.match(built.stderr, /ADD --keep-git-dir=true http:\/\/xxxxx:xxxxx@/);
    assert.equal((await run("history", "--no-trunc", "secret")).stdout.includes(token), false);
    const failed = await run("build", secret.replace("private", "nosuch"));
    assert.match(failed.stderr, /failed to fetch remote/);
    assert.equal(failed.stderr.replaceAll(secret.replace("private", "nosuch"), "").includes(token), false);
  });

  it("takes all of a repository from a server that only hands out files", async () => {
    const built = await run("build", "-q", `http://${host}/plain/repository.git#v1`);
    assert.equal(built.code, 0, built.stderr);
    assert.equal(await show(built.stdout.trim(), "cat", "/all/file"), "first");
  });

  it("runs nothing that a repository brings or an address names, and reads no file of the machine", async () => {
    const touch = (name: string) => `touch ${join(marks, name)}`;
    const attempts = [
      `ext::sh -c ${touch("ext")}%20#main`,
      `file://${folder}/repository.git`,
      `-u${touch("option")}`,
      `--upload-pack=${touch("option")}`,
    ];
    for (const attempt of attempts) {
      const place = context("attack", { Dockerfile: `FROM busybox\nADD ["${attempt}", "/got"]\n` });
      assert.notEqual((await run("build", place)).code, 0, attempt);
    }
    // A submodule that is a file of this machine, and hooks for those who clone.
    git("submodule", "add", "-q", join(folder, "private.git"), "inner");
    writeFiles(work, { hook: `#!/bin/sh\n${touch("hook")}\n` });
    commit("evil", { ".gitattributes": "* filter=evil\n", file: "evil" });
    git("push", "-q", join(folder, "repository.git"), "HEAD:evil");
    const evil = await run("build", `${address()}#evil`);
    assert.equal(evil.code, 1);
    assert.match(evil.stderr, /transport 'file' not allowed/);
    const without = await run("build", "-q", `${address()}?branch=evil&submodules=0`);
    assert.equal(without.code, 0, without.stderr);
    for (const name of ["ext", "option", "hook"]) assert.equal(existsSync(join(marks, name)), false, name);
  });

  it("a link in a repository leads to nothing outside of it", async () => {
    writeFiles(work, { "linked/Dockerfile": "FROM busybox\nCOPY passwd /passwd\n" });
    execFileSync("ln", ["-s", "/etc/passwd", join(work, "linked/passwd")]);
    commit("linked", {});
    git("push", "-q", join(folder, "repository.git"), "HEAD:linked");
    const built = await run("build", `${address()}?branch=linked&submodules=0&subdir=linked`);
    assert.equal(built.code, 1);
    assert.match(built.stderr, /"\/passwd": not found/);
  });

  it("stops with its client in the middle of a fetch, and leaves nothing", async () => {
    const client = spawn(newestDocker, ["build", `${address("stalled")}#${commits.first}`], {
      env: { ...process.env, DOCKER_HOST: engine.host },
      stdio: "ignore",
    });
    const ended = new Promise((resolve) => client.once("exit", resolve));
    const stalled = await waiting.promise;
    const pattern = `remote-http.*${address("stalled")}`;
    const fetching = () => spawnSync("pgrep", ["-f", pattern], { encoding: "utf8" }).stdout;
    assert.match(fetching(), /\d/);
    client.kill("SIGINT");
    await ended;
    await eventually(fetching, (pids) => pids === "");
    stalled.destroy();
    const check = await engine.berth(["system", "check"]);
    assert.equal(check.code, 0, check.stdout);
  });
});

const waiting = Promise.withResolvers<ServerResponse>();

/** As a web server does that has git behind it. */
function serveGit(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
  if (pathname.startsWith("/stalled")) {
    waiting.resolve(response);
    return;
  }
  const plain = /^\/plain(\/repository\.git\/[\w./-]+)$/.exec(pathname)?.[1];
  if (plain !== undefined) {
    const path = join(root, plain);
    if (existsSync(path)) response.end(readFileSync(path));
    else response.writeHead(404).end();
    return;
  }
  const expected = `basic ${Buffer.from(`x-access-token:${token}`).toString("base64")}`;
  if (pathname.startsWith("/private") && request.headers.authorization !== expected) {
    response.writeHead(401, { "www-authenticate": "Basic realm=git" }).end();
    return;
  }
  const child = spawn("git", ["http-backend"], {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: "1",
      GIT_CONFIG_COUNT: "1",
      GIT_CONFIG_KEY_0: "safe.directory",
      GIT_CONFIG_VALUE_0: "*",
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method ?? "GET",
      CONTENT_TYPE: request.headers["content-type"] ?? "",
      HTTP_CONTENT_ENCODING: request.headers["content-encoding"] ?? "",
      GIT_PROTOCOL: String(request.headers["git-protocol"] ?? ""),
    },
  });
  request.pipe(child.stdin);
  child.stdin.on("error", () => {});
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.once("close", () => {
    const answer = Buffer.concat(pieces);
    const end = answer.indexOf("\r\n\r\n");
    const headers = answer.subarray(0, end).toString().split("\r\n");
    for (const line of headers) {
      const [name = "", value = ""] = line.split(/: (.*)/);
      if (name === "Status") response.statusCode = Number.parseInt(value, 10);
      else if (name !== "") response.setHeader(name, value);
    }
    response.end(answer.subarray(end + 4));
  });
}
