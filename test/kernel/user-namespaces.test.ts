import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { suite, test } from "node:test";
import { paddingAfter } from "../../src/formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../src/formats/tar/tar-writer.ts";
import { getXattr } from "../../src/sys/xattr.ts";
import { eventually, type TestEngine, useEngine } from "../engine.ts";
import { findFreePort } from "../free-port.ts";
import { useSubordinateIds } from "../subordinate-ids.ts";

/** A request whose body or answer is an archive. */
function askArchive(
  { host }: TestEngine,
  method: "GET" | "PUT",
  path: string,
  body?: Buffer,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socketPath = host.slice("unix://".length);
    const call = request({ socketPath, method, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const whole = Buffer.concat(chunks);
        if (response.statusCode === 200) resolve(whole);
        else reject(new Error(whole.toString()));
      });
    });
    call.on("error", reject);
    call.end(body);
  });
}

const first = 1_200_000;
const size = 65_536;
const map = new RegExp(`^ +0 +${first} +${size}\\r?$`, "m");

suite("containers of a daemon that remaps", () => {
  useSubordinateIds("games", first, size);
  const { engine, berth } = useEngine(undefined, ["--userns-remap", "games"]);
  const run = (...words: string[]) => berth("run", "--rm", ...words);
  const shell = (script: string, ...flags: string[]) => run(...flags, "busybox", "sh", "-c", script);
  const refused = async (...words: string[]) => {
    const { code, stderr } = await engine.berth(["run", "--rm", ...words]);
    assert.notEqual(code, 0);
    return stderr;
  };
  const ownersOf = (path: string) => {
    const { uid, gid } = lstatSync(path);
    return [uid, gid];
  };
  const listTar = (tar: string) =>
    spawnSync("tar", ["-tvf", "-", "--numeric-owner"], { input: tar, encoding: "utf8" }).stdout;

  test("info says so", async () => {
    assert.match(await berth("info", "--format", "{{json .SecurityOptions}}"), /"name=userns"/);
  });

  for (const runtime of ["crun", "runc"]) {
    test(`${runtime}: root is no one's root outside, and has all that is its own inside`, async () => {
      const said = await shell(
        "id -u; cat /proc/self/uid_map; cat /proc/sys/net/ipv4/ping_group_range; touch /made /etc/made; echo x >> /etc/hosts;" +
          "ls -ldn /bin /made /dev/shm /etc/hosts | awk '{print $3, $4}'; echo out > /dev/stdout; echo x > /dev/null",
        "--runtime",
        runtime,
      );
      assert.match(said, map);
      assert.match(said, new RegExp(`^0\n.*\n0\\s${size - 1}\n(0 0\n){4}out$`, "s"));
    });

    for (const flags of [
      ["--network", "none"],
      ["--ipc", "host"],
      ["--uts", "host"],
      ["--read-only"],
      ["--init"],
      ["-t"],
      ["--cap-add", "ALL"],
      ["--cgroupns", "private"],
      ["--cgroupns", "host"],
      ["--sysctl", "net.ipv4.ip_forward=1"],
      ["--security-opt", "seccomp=unconfined"],
      ["-m", "64m", "--pids-limit", "50"],
      ["--user", "1000:1000"],
      ["--workdir", "/not/there/yet"],
      ["--tmpfs", "/t:uid=5"],
      ["--device", "/dev/zero:/dev/none"],
    ])
      test(`${runtime}: ${flags.join(" ")} works`, async () => {
        assert.match(await shell("cat /proc/self/uid_map", "--runtime", runtime, ...flags), map);
      });

    test(`${runtime}: a device has its own name inside`, async () => {
      const flags = ["--runtime", runtime, "--device", "/dev/zero:/dev/none"];
      assert.equal(await shell("head -c 3 /dev/none | wc -c; ls /dev/none", ...flags), "3\n/dev/none");
    });
  }

  test("what a user namespace makes useless is refused in Docker's words", async () => {
    const both = "when user namespaces are enabled";
    assert.match(
      await refused("--privileged", "busybox", "id"),
      /privileged mode is incompatible with user namespaces\. {2}You must run the container in the host namespace/,
    );
    assert.match(
      await refused("--network", "host", "busybox", "id"),
      new RegExp(`cannot share the host's network namespace ${both}`),
    );
    assert.match(
      await refused("--pid", "host", "busybox", "id"),
      new RegExp(`cannot share the host PID namespace ${both}`),
    );
    const body = { Image: "busybox", Cmd: ["id"], HostConfig: { UsernsMode: "other" } };
    const { status, body: answer } = await engine.api("POST", "/containers/create", body);
    assert.deepEqual([status, JSON.parse(answer)], [400, { message: "invalid user namespace mode: other" }]);
  });

  test("a user or group that the namespace does not have is refused", async () => {
    assert.match(
      await refused("--user", "70000", "busybox", "id"),
      /cannot set uid to unmapped user in user namespace/,
    );
    assert.match(
      await refused("--user", "1:70000", "busybox", "id"),
      /cannot set gid to unmapped user in user namespace/,
    );
    assert.match(
      await refused("--group-add", "70000", "busybox", "id"),
      /unable to setup user: setgroups: invalid argument/,
    );
  });

  test("--userns host: the machine's own ids, and the same files with the same owners", async () => {
    const script = "cat /proc/self/uid_map; ls -ldn /bin/busybox | awk '{print $3, $4}'";
    assert.match(await shell(script, "--userns", "host"), /^ +0 +0 +4294967295\n0 0$/);
    await shell("true", "--userns", "host", "--privileged", "--network", "host", "--pid", "host");
    await berth("create", "--name", "of-host", "--userns", "host", "busybox");
    assert.equal(await berth("inspect", "-f", "{{.HostConfig.UsernsMode}}", "of-host"), "host");
    await berth("rm", "of-host");
  });

  test("what a remapped container writes has its own owners on the disk, and every way out gives them", async () => {
    await berth(
      "run",
      "-d",
      "--name",
      "writer",
      "busybox",
      "sh",
      "-c",
      "mkdir /w; touch /w/f; chown 5:6 /w/f; sleep 1000",
    );
    await berth("exec", "writer", "sh", "-c", "until [ -e /w/f ]; do :; done; chown 5:6 /w/f");
    const owned = / 5\/6 .* w\/f\n/;
    assert.match(listTar(await berth("cp", "writer:/w", "-")), owned, "cp of one that runs");
    const exported = join(engine.folder, "exported.tar");
    await berth("export", "-o", exported, "writer");
    assert.match(spawnSync("tar", ["-tvf", exported, "--numeric-owner"], { encoding: "utf8" }).stdout, owned);
    await berth("commit", "writer", "written");
    assert.equal(await run("--userns", "host", "written", "stat", "-c", "%u:%g", "/w/f"), "5:6");
    assert.equal(await run("written", "stat", "-c", "%u:%g", "/w/f"), "5:6");
    await berth("stop", "-t", "0", "writer");
    assert.match(listTar(await berth("cp", "writer:/w", "-")), owned, "cp of one that does not run");
    await berth("rm", "writer");
  });

  test("cp into a remapped container keeps owners, and refuses those that it does not have", async () => {
    await berth("run", "-d", "--name", "reader", "busybox", "sh", "-c", "mkdir /in; sleep 1000");
    await berth("exec", "reader", "sh", "-c", "until [ -e /in ]; do :; done");
    const file = join(engine.folder, "copied");
    writeFileSync(file, "content");
    chownSync(file, 7, 8);
    await berth("cp", "-a", file, "reader:/in/kept");
    assert.equal(await berth("exec", "reader", "stat", "-c", "%u:%g", "/in/kept"), "7:8");
    chownSync(file, 70_000, 8);
    const { stderr } = await engine.berth(["cp", "-a", file, "reader:/in/other"]);
    assert.match(stderr, /container ID 70000 cannot be mapped to a host ID/);
    await berth("rm", "-f", "reader");
  });

  test("volumes and named volumes' parts show the same owners to all containers", async () => {
    await shell(
      "mkdir -p /v/part; touch /v/part/f; chown -R 33:44 /v/part; chmod 700 /v/part",
      "-v",
      "own:/v",
    );
    const directory = await berth("volume", "inspect", "-f", "{{.Mountpoint}}", "own");
    assert.deepEqual(ownersOf(join(directory, "part/f")), [33, 44]);
    const stat = ["busybox", "stat", "-c", "%u:%g", "/v/f"];
    const part = ["--mount", "type=volume,source=own,target=/v,volume-subpath=part"];
    assert.equal(await run(...part, ...stat), "33:44");
    assert.equal(await run("--userns", "host", ...part, ...stat), "33:44");
    await berth("volume", "rm", "own");
  });

  test("a source of -v that is missing is made for the container's root", async () => {
    const made = join(engine.folder, "made/for/it");
    await shell("touch /m/f", "-v", `${made}:/m`);
    assert.deepEqual(ownersOf(made), [first, first]);
    assert.deepEqual(ownersOf(join(engine.folder, "made")), [first, first]);
    assert.deepEqual(ownersOf(join(made, "f")), [first, first]);
  });

  test("a volume that is mounted from elsewhere has the machine's owners", async () => {
    const elsewhere = join(engine.folder, "elsewhere");
    mkdirSync(elsewhere);
    chmodSync(elsewhere, 0o777);
    await berth(
      "volume",
      "create",
      "-o",
      "type=none",
      "-o",
      "o=bind",
      "-o",
      `device=${elsewhere}`,
      "mounted",
    );
    assert.equal(await shell("touch /v/f; stat -c %u /v", "-v", "mounted:/v"), "65534");
    assert.deepEqual(ownersOf(join(elsewhere, "f")), [first, first]);
    await berth("volume", "rm", "mounted");
    const filled = join(engine.folder, "filled");
    mkdirSync(filled);
    await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${filled}`, "filled");
    assert.equal(
      await shell("touch /etc/more; stat -c %u:%g /etc /etc/passwd", "-v", "filled:/etc"),
      "0:0\n0:0",
    );
    assert.deepEqual(
      ownersOf(join(filled, "passwd")),
      [first, first],
      "what is copied there is the container's",
    );
    await berth("volume", "rm", "filled");
  });

  test("what an image brings into a volume from elsewhere belongs to no one on the machine", async () => {
    const context = join(engine.folder, "setuid");
    const target = join(engine.folder, "setuid-target");
    for (const path of [context, target]) mkdirSync(path);
    writeFileSync(join(context, "id"), "program");
    const dockerfile = "FROM busybox\nCOPY --chmod=4755 id /data/id\nCOPY --chown=5:6 id /data/other\n";
    writeFileSync(join(context, "Dockerfile"), dockerfile);
    await berth("build", "-q", "-t", "setuid", context);
    // user::rw-, user 7 r--, group::r--, mask::r--, other::---; CAP_CHOWN, permitted and effective.
    const acl = (id: string) =>
      Buffer.from(
        `02000000 01000600ffffffff 02000400${id} 04000400ffffffff 10000400ffffffff 20000000ffffffff`.replaceAll(
          " ",
          "",
        ),
        "hex",
      );
    const capability = Buffer.from("0100000201000000000000000000000000000000", "hex");
    const entry = {
      ...{ name: "data/able", type: "file" as const, mode: 0o640, uid: 0, gid: 0, sizeBytes: 0 },
      mtime: { seconds: 0, nanoseconds: 0 },
      xattrs: new Map([
        ["security.capability", capability],
        ["system.posix_acl_access", acl("07000000")],
      ]),
    };
    await berth("run", "-d", "--name", "able-data", "setuid", "sleep", "1000");
    const tar = Buffer.concat([encodeEntry(entry), archiveEnd]);
    await askArchive(engine, "PUT", "/containers/able-data/archive?path=/", tar);
    const read = await askArchive(engine, "GET", "/containers/able-data/archive?path=/data/able");
    assert.ok(read.includes(acl("07000000")), "an ACL comes out of one that runs as it was copied there");
    const foreign = { ...entry, xattrs: new Map([["system.posix_acl_access", acl("70110100")]]) };
    await assert.rejects(
      askArchive(
        engine,
        "PUT",
        "/containers/able-data/archive?path=/",
        Buffer.concat([encodeEntry(foreign), archiveEnd]),
      ),
      /container ID 70000 cannot be mapped to a host ID/,
    );
    await berth("commit", "able-data", "able-data-image");
    await berth("rm", "-f", "able-data");
    await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${target}`, "setuid");
    await run("-v", "setuid:/data", "able-data-image", "true");
    assert.deepEqual(ownersOf(target), [first, first], "the folder itself");
    assert.deepEqual(ownersOf(join(target, "id")), [first, first]);
    assert.equal(lstatSync(join(target, "id")).mode & 0o7777, 0o4755);
    assert.deepEqual(ownersOf(join(target, "other")), [first + 5, first + 6]);
    const outside = Buffer.alloc(4);
    outside.writeUInt32LE(first + 7);
    const able = join(target, "able");
    assert.deepEqual(getXattr(able, "system.posix_acl_access"), acl(outside.toString("hex")));
    outside.writeUInt32LE(first);
    assert.equal(
      getXattr(able, "security.capability")?.toString("hex"),
      `0100000301000000000000000000000000000000${outside.toString("hex")}`,
    );
    await berth("volume", "rm", "setuid");
  });

  test("images of as many layers as without: run, mounted, in a step of a build, and copied to a volume", async () => {
    const context = join(engine.folder, "tall");
    const target = join(engine.folder, "tall-target");
    for (const path of [context, target]) mkdirSync(path);
    const layers = Array.from({ length: 100 }, (_, number) => {
      writeFileSync(join(context, `f${number}`), "x");
      return `COPY f${number} /tall/\n`;
    });
    writeFileSync(join(context, "Dockerfile"), `FROM busybox\n${layers.join("")}`);
    await berth("build", "-q", "-t", "tall", context);
    const count = (folder: string) => ["sh", "-c", `ls ${folder} | wc -l`];
    assert.equal(await run("tall", ...count("/tall")), "100");
    const mount = ["--mount", "type=image,source=tall,target=/i", "busybox"];
    assert.equal(await run(...mount, ...count("/i/tall")), "100");
    writeFileSync(
      join(context, "Dockerfile"),
      "FROM busybox\nRUN --mount=type=bind,from=tall,target=/i ls /i/tall | wc -l > /said\n",
    );
    await berth("build", "-q", "-t", "said", context);
    assert.equal(await run("said", "cat", "/said"), "100");
    await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${target}`, "tall");
    assert.equal(await run("-v", "tall:/tall", "tall", ...count("/tall")), "100");
    assert.deepEqual(ownersOf(join(target, "f99")), [first, first]);
    await berth("volume", "rm", "tall");
  });

  test("an image that is mounted has its own owners", async () => {
    await berth(
      "run",
      "--name",
      "priv",
      "busybox",
      "sh",
      "-c",
      "mkdir /p; touch /p/f; chown -R 12:13 /p; chmod 700 /p",
    );
    await berth("commit", "priv", "owned");
    const mount = ["--mount", "type=image,source=owned,target=/i"];
    assert.equal(await shell("stat -c %u:%g /i/p/f", ...mount), "12:13");
    assert.equal(await shell("stat -c %u:%g /i/f", "--mount", `${mount[1]},image-subpath=p`), "12:13");
    await berth("rm", "priv");
  });

  test("capabilities of files count, in an image as in what a container writes", async () => {
    // CAP_CHOWN, permitted and effective (linux/capability.h, struct vfs_cap_data).
    const value = Buffer.from("0100000201000000000000000000000000000000", "hex");
    const program = readFileSync("/bin/busybox");
    const entry = {
      ...{
        name: "busybox-able",
        type: "file" as const,
        mode: 0o755,
        uid: 0,
        gid: 0,
        sizeBytes: program.length,
      },
      ...{ mtime: { seconds: 0, nanoseconds: 0 }, xattrs: new Map([["security.capability", value]]) },
    };
    const padding = Buffer.alloc(paddingAfter(program.length));
    const tar = Buffer.concat([encodeEntry(entry), program, padding, archiveEnd]);
    const chown = ["sh", "-c", "touch /tmp/f; /busybox-able chown 5 /tmp/f; stat -c %u /tmp/f"];
    await berth("run", "-d", "--name", "able", "busybox", "sleep", "1000");
    await askArchive(engine, "PUT", "/containers/able/archive?path=/", tar);
    assert.equal(
      await berth("exec", "-u", "1000", "able", ...chown),
      "5",
      "as it was copied to one that runs",
    );
    await berth("commit", "able", "able-image");
    assert.equal(await run("-u", "1000", "able-image", ...chown), "5", "in an image");
    assert.equal(
      await run("--userns", "host", "-u", "1000", "able-image", ...chown),
      "5",
      "without a namespace",
    );
    const copied = await askArchive(engine, "GET", "/containers/able/archive?path=/busybox-able");
    assert.ok(copied.includes(value), "read from one that runs");
    await berth("rm", "-f", "able");
  });

  test("who joins another's network runs in its user namespace", async () => {
    await berth("run", "-d", "--name", "first", "--ipc", "shareable", "busybox", "sleep", "1000");
    const all = ["--network", "container:first", "--pid", "container:first", "--ipc", "container:first"];
    const link = ["busybox", "readlink", "/proc/self/ns/user"];
    const joined = await berth("exec", "first", "readlink", "/proc/self/ns/user");
    assert.equal(await run("--network", "container:first", ...link), joined);
    assert.equal(await run(...all, ...link), joined);
    for (const runtime of ["crun", "runc"])
      for (const kind of ["--pid", "--ipc"]) {
        const script =
          "readlink /proc/self/ns/user; ip link show eth0 >/dev/null && ip link set lo down 2>&1; touch /made";
        const flags = [kind, "container:first", "--runtime", runtime, "--cap-add", "NET_ADMIN"];
        assert.equal(
          await shell(script, ...flags),
          joined,
          `${kind} with a network of its own, and rights over it`,
        );
      }
    assert.match(await shell("cat /proc/self/uid_map", ...all, "--userns", "host"), / 0 +0 /);
    await berth("run", "-d", "--name", "second", "--userns", "host", "busybox", "sleep", "1000");
    assert.match(
      await refused("--network", "container:second", "busybox", "id"),
      /cannot join the network namespace of container second, which runs in the host's user namespace/,
    );
    await berth("run", "-d", "--name", "third", "--ipc", "shareable", "busybox", "sleep", "1000");
    assert.match(
      await refused("--pid", "container:first", "--ipc", "container:third", "busybox", "id"),
      /cannot join the IPC namespace of container third: it runs in another user namespace/,
    );
    await berth("rm", "-f", "first", "second", "third");
  });

  test("exec, attach, health checks and published ports work as ever", async () => {
    const port = await findFreePort();
    await berth(
      ...["run", "-d", "--name", "web", "-p", `127.0.0.1:${port}:80`, "--health-cmd", "test $(id -u) = 0"],
      ...[
        "--health-interval",
        "100ms",
        "busybox",
        "sh",
        "-c",
        "mkdir /w; echo hello > /w/index.html; exec httpd -f -h /w",
      ],
    );
    const ask = () =>
      fetch(`http://127.0.0.1:${port}/`).then(
        (answer) => answer.text(),
        () => "",
      );
    assert.equal(await eventually(ask, (text) => text !== ""), "hello\n");
    const health = () => berth("inspect", "-f", "{{.State.Health.Status}}", "web");
    await eventually(health, (status) => status === "healthy");
    assert.match(await berth("exec", "-t", "web", "cat", "/proc/self/uid_map"), /1200000/);
    assert.match(await berth("exec", "--privileged", "web", "grep", "CapEff", "/proc/self/status"), /1ff/);
    const { stdout } = await engine.berth(["exec", "-u", "70000", "web", "id"]);
    assert.match(
      stdout,
      /exec failed: unable to start container process: unable to setup user: cannot set uid to unmapped/,
    );
    await berth("rm", "-f", "web");
  });
});
