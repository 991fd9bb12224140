import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { contentOf } from "../../src/images/select-manifest.ts";
import { sendTo } from "../../src/sys/send.ts";
import { type ArchiveImage, load, makeDockerArchive, makeTar, openStore, type Store } from "./fixtures.ts";

/** Whether other programs read what we write, and we what they write. */

const run = promisify(execFile);

const image: ArchiveImage = {
  layers: [
    { tar: makeTar([{ name: "etc/" }, { name: "etc/motd", data: "hello" }, { name: "etc/old", data: "x" }]) },
    {
      tar: makeTar([
        { name: "etc/" },
        { name: "etc/.wh.old" },
        { name: "bin/" },
        { name: "bin/tool", data: "#!", mode: 0o4755, uid: 7 },
        { name: "bin/same", type: "link", linkName: "bin/tool" },
        {
          name: `${"long/".repeat(40)}caf\xe9`,
          data: "1",
          xattrs: new Map([["user.a", Buffer.from([0, 255])]]),
        },
      ]),
    },
  ],
  tags: ["other/app:v1"],
};

async function saveTo(store: Store, path: string, names: string[]): Promise<void> {
  assert.ok(await sendTo(createWriteStream(path), await store.images.save(names)));
}

async function loadFrom(store: Store, path: string): Promise<string[]> {
  const lines: string[] = [];
  await store.images.load(createReadStream(path), ({ stream }) => {
    if (stream) lines.push(stream.trimEnd());
  });
  return lines;
}

test("skopeo reads what we save, as either kind of archive, and what it writes loads here", async () => {
  await using store = await openStore();
  await load(store.images, makeDockerArchive([image]));
  const saved = join(store.root, "saved.tar");
  await saveTo(store, saved, ["other/app:v1"]);
  const { config } = contentOf(store.images.getImage("other/app:v1"));
  for (const kind of ["docker-archive", "oci-archive"]) {
    const { stdout } = await run("skopeo", ["inspect", "--config", `${kind}:${saved}`]);
    assert.deepEqual(JSON.parse(stdout).rootfs.diff_ids, config.rootfs.diff_ids, kind);
    for (const compression of ["gzip", "zstd"]) {
      const folder = join(store.root, `${kind}-${compression}`);
      await run("skopeo", [
        "copy",
        "--insecure-policy",
        "--dest-compress",
        "--dest-compress-format",
        compression,
        `${kind}:${saved}`,
        `oci:${folder}:copied:${compression}`,
      ]);
      await run("tar", ["-C", folder, "-cf", `${folder}.tar`, "."]);
      await using other = await openStore();
      assert.deepEqual(await loadFrom(other, `${folder}.tar`), [`Loaded image: copied:${compression}`]);
      assert.deepEqual(
        contentOf(other.images.getImage(`copied:${compression}`)).config.rootfs,
        config.rootfs,
      );
      const again = join(store.root, "again.tar");
      await saveTo(other, again, [`copied:${compression}`]);
      await run("skopeo", ["inspect", `docker-archive:${again}`]);
      await run("skopeo", ["inspect", `oci-archive:${again}`]);
    }
  }
});

test("a real docker loads what we save, and we load what it saves", async () => {
  await using store = await openStore();
  await load(store.images, makeDockerArchive([image]));
  const { id } = store.images.getImage("other/app:v1");
  // To a docker without containerd's image store an image is its config.
  const { configDigest } = contentOf(store.images.getImage("other/app:v1"));
  const saved = join(store.root, "saved.tar");
  await saveTo(store, saved, ["other/app:v1"]);
  const folder = join(store.root, "docker");
  const socket = `unix://${folder}/socket`;
  mkdirSync(folder);
  writeFileSync(join(folder, "daemon.json"), "{}");
  const daemon = spawn(
    "unshare",
    // Its mounts go with it.
    [
      "-m",
      "dockerd",
      "--config-file",
      join(folder, "daemon.json"),
      "--data-root",
      join(folder, "data"),
      "--exec-root",
      join(folder, "exec"),
      "-p",
      join(folder, "pid"),
      "-H",
      socket,
      "--bridge=none",
      "--iptables=false",
      "--ip6tables=false",
      "--ip-forward=false",
      "--storage-driver=vfs",
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  let log = "";
  daemon.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const ended = once(daemon, "exit");
  try {
    const docker = async (...words: string[]) =>
      (await run("docker", ["-H", socket, ...words])).stdout.trim();
    while (!log.includes("API listen on")) {
      assert.equal(daemon.exitCode, null, log);
      await sleep(50);
    }
    assert.equal(await docker("load", "-i", saved), "Loaded image: other/app:v1");
    assert.equal(await docker("image", "inspect", "-f", "{{.Id}}", "other/app:v1"), configDigest);
    const returned = join(store.root, "returned.tar");
    await docker("save", "-o", returned, "other/app:v1");
    await using other = await openStore();
    assert.deepEqual(await loadFrom(other, returned), ["Loaded image: other/app:v1"]);
    assert.equal(other.images.getImage("other/app:v1").id, id);
  } finally {
    daemon.kill("SIGTERM");
    await ended;
  }
});
