import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, suite, test } from "node:test";
import { output, useEngine } from "../engine.ts";
import { useSubordinateIds } from "../subordinate-ids.ts";

const first = 1_600_000;

suite("builds by a daemon that remaps", () => {
  useSubordinateIds("mail", first);
  const entitled = ["--config-file", join("/tmp", `berth-entitled-${process.pid}.json`)];
  writeFileSync(
    entitled[1] as string,
    JSON.stringify({ "userns-remap": "mail", builder: { entitlements: { "security-insecure": true } } }),
  );
  after(() => rmSync(entitled[1] as string));
  const { engine, berth } = useEngine(undefined, entitled);
  let count = 0;
  async function build(lines: string[], ...flags: string[]) {
    const folder = join(engine.folder, `context-${count++}`);
    mkdirSync(folder);
    writeFileSync(join(folder, "Dockerfile"), `${lines.join("\n")}\n`);
    writeFileSync(join(folder, "secret"), "hidden");
    return engine.berth(["build", "--progress", "plain", "-t", `made-${count}`, ...flags, folder]);
  }
  async function succeed(lines: string[], ...flags: string[]): Promise<string> {
    const { code, stdout, stderr } = await build(lines, ...flags);
    assert.equal(code, 0, stderr + stdout);
    return output(engine.berth, ["run", "--rm", `made-${count}`, "sh", "-c", "cat /said"]);
  }

  test("a step runs in a user namespace, and what it makes has its own owners", async () => {
    const said = await succeed([
      "FROM busybox",
      "RUN cat /proc/self/uid_map > /said && mkdir -m 700 /p && touch /p/f && chown -R 12:13 /p",
      "COPY --chown=21:22 Dockerfile /copied",
      "RUN stat -c %u:%g /p/f /copied / >> /said && echo x >> /etc/hosts",
      "USER 1000",
      "WORKDIR /home/made",
      "USER 0",
      "RUN stat -c %u:%g . >> /said",
    ]);
    assert.match(said, new RegExp(`^ +0 +${first} +65536\n12:13\n21:22\n0:0\n`));
    const image = ["run", "--rm", "--userns", "host", `made-${count}`, "stat", "-c", "%u:%g", "/p/f"];
    assert.equal(await output(engine.berth, image), "12:13");
  });

  test("mounts of steps have their owners inside", async () => {
    const said = await succeed(
      [
        "FROM busybox AS other",
        "RUN mkdir -m 700 /o && echo content > /o/f && chown -R 3:4 /o",
        "FROM busybox",
        "RUN --mount=type=cache,target=/c,uid=5,mode=0700 stat -c %u /c >> /said && touch /c/kept && chown 9:9 /c/kept",
        "RUN --mount=type=cache,target=/c,uid=5,mode=0700 stat -c %u /c/kept >> /said",
        "RUN --mount=type=bind,from=other,target=/m cat /m/o/f >> /said && stat -c %u /m/o/f >> /said",
        "RUN --mount=type=bind,from=other,target=/m,rw touch /m/o/new && stat -c %u /m/o/new >> /said",
        "RUN --mount=type=secret,id=s,uid=7 stat -c %u:%a /run/secrets/s >> /said && cat /run/secrets/s >> /said",
      ],
      "--secret",
      `id=s,src=${join(engine.folder, `context-${count}`, "secret")}`,
    );
    assert.equal(said, "5\n9\ncontent\n3\n0\n7:400\nhidden");
  });

  test("networks of steps", async () => {
    const steps = ["none", "host"].map(
      (network) => `RUN --network=${network} cat /proc/self/uid_map >> /said`,
    );
    const said = await succeed(["FROM busybox", ...steps], "--allow", "network.host");
    assert.match(said, new RegExp(`^( +0 +${first} +65536\n?){2}$`));
  });

  test("what a user namespace makes useless is refused", async () => {
    const lines = ["# syntax=docker/dockerfile:1-labs", "FROM busybox", "RUN --security=insecure true"];
    const { stderr } = await build(lines, "--allow", "security.insecure");
    assert.match(stderr, /RUN --security=insecure is incompatible with user namespaces/);
    const secret = ["FROM busybox", "RUN --mount=type=secret,id=s,uid=70000 true"];
    const source = `id=s,src=${join(engine.folder, "context-0", "secret")}`;
    assert.match(
      (await build(secret, "--secret", source)).stderr,
      /container ID 70000 cannot be mapped to a host ID/,
    );
    assert.equal(await berth("ps", "-aq"), "");
  });
});
