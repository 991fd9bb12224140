import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { stockDockers } from "../stock-docker.ts";

const words = (text: string) => text.split(" ");

describe("what is mounted into a container", () => {
  const { engine, berth } = useEngine();
  const run = (mount: string, ...command: string[]) =>
    berth("run", "--rm", "--mount", mount, "busybox", ...command);
  const refusal = async (mount: string) => {
    const { code, stderr } = await engine.berth(["run", "--rm", "--mount", mount, "busybox", "true"]);
    assert.notEqual(code, 0, mount);
    return stderr.split("\n")[0] ?? "";
  };
  const create = (mount: object, version = "1.48", more: object = {}) =>
    engine.api("POST", `/v${version}/containers/create`, {
      Image: "busybox",
      Cmd: ["true"],
      HostConfig: { Mounts: [mount], ...more },
    });

  it("is a part of a volume: a directory or a file", async () => {
    await run("src=parts,dst=/v", "sh", "-c", "mkdir -p /v/a/b; echo hi >/v/file; ln -s a /v/link");
    assert.equal(await run("src=parts,dst=/d,volume-subpath=a", "ls", "/d"), "b");
    assert.equal(await run("src=parts,dst=/d,volume-subpath=link/../a/.", "ls", "/d"), "b");
    assert.equal(await run("src=parts,dst=/d/f,volume-subpath=file", "cat", "/d/f"), "hi");
    const denied = await engine.berth(
      words("run --rm --mount src=parts,dst=/d,readonly,volume-subpath=a busybox touch /d/x"),
    );
    assert.match(denied.stderr, /Read-only/);
    assert.match(
      await refusal("dst=/d,volume-subpath=a"),
      /must not set Subpath when using anonymous volumes$/,
    );
    for (const path of ["../a", "/a", "a/../.."])
      assert.match(
        await refusal(`src=parts,dst=/d,volume-subpath=${path}`),
        /invalid mount config for type "volume": subpath must be a relative path within the volume$/,
      );
    const missing = join(engine.root, "volumes/parts/_data/none");
    assert.equal(
      await refusal("src=parts,dst=/d,volume-subpath=none"),
      `berth: Error response from daemon: cannot access path ${missing}: lstat ${missing}: no such file or directory`,
    );
    await berth("create", "--name", "stopped", "--mount", "src=parts,dst=/d,volume-subpath=a", "busybox");
    await berth("cp", "stopped:/d", join(engine.folder, "copied"));
    assert.deepEqual(readdirSync(join(engine.folder, "copied")), ["b"]);
    await berth("rm", "stopped");
    await berth("volume", "rm", "parts");
  });

  it("is never what a link in a volume leads to outside it, also when the link comes after the creation", async () => {
    await run(
      "src=trap,dst=/v",
      "sh",
      "-c",
      "mkdir /v/part; ln -s / /v/root; ln -s ../.. /v/up; ln -s /etc /v/etc",
    );
    const base = join(engine.root, "volumes/trap/_data");
    for (const subpath of ["root", "up", "etc", "root/etc", "up/part"])
      assert.match(
        await refusal(`src=trap,dst=/d,volume-subpath=${subpath}`),
        new RegExp(`path concatenation escapes the base directory, base: ${base}, subpath: ${subpath}$`),
      );
    await berth(
      "create",
      "--name",
      "late",
      "--mount",
      "src=trap,dst=/d,volume-subpath=part",
      "busybox",
      "ls",
      "/d",
    );
    await run("src=trap,dst=/v", "sh", "-c", "rmdir /v/part; ln -s / /v/part");
    assert.match((await engine.berth(["start", "-a", "late"])).stderr, /escapes the base directory/);
    const copied = await engine.berth(["cp", "late:/d", join(engine.folder, "escaped")]);
    assert.match(copied.stderr, /escapes the base directory/);
    assert.ok(!existsSync(join(engine.folder, "escaped")));
    await berth("rm", "late");
    await berth("volume", "rm", "trap");
    assert.deepEqual(readdirSync(join(engine.execRoot, "mounts")), []);
  });

  it("is an image, or a part of one, that cannot be written to and stays as long as the container", async () => {
    assert.match(await run("type=image,src=busybox,dst=/i", "ls", "/i/bin/busybox"), /busybox/);
    assert.equal(
      await run("type=image,src=busybox,dst=/i,image-subpath=etc", "ls", "/i/passwd"),
      "/i/passwd",
    );
    const privileged = words("run --rm --privileged --mount type=image,src=busybox,dst=/i busybox");
    const written = await engine.berth([
      ...privileged,
      "sh",
      "-c",
      "mount -o remount,rw,bind /i; touch /i/x",
    ]);
    assert.match(written.stderr, /Read-only/);
    assert.match(
      await refusal("type=image,src=busybox,dst=/i,image-subpath=none"),
      /cannot access path .*\/none: no such file or directory$/,
    );
    await berth("tag", "busybox", "other");
    writeFileSync(join(engine.folder, "Content"), "content");
    spawnSync("tar", ["-cf", join(engine.folder, "one.tar"), "-C", engine.folder, "Content"]);
    await berth("import", join(engine.folder, "one.tar"), "data");
    await berth(
      "create",
      "--name",
      "user",
      "--mount",
      "type=image,src=data,dst=/i",
      "busybox",
      "cat",
      "/i/Content",
    );
    assert.match(
      (await engine.berth(["rmi", "data"])).stderr,
      /container [0-9a-f]{12} is using its referenced image/,
    );
    await berth("rmi", "-f", "data");
    assert.equal(await berth("start", "-a", "user"), "content");
    await berth("cp", "user:/i/Content", join(engine.folder, "copied-content"));
    assert.equal(readFileSync(join(engine.folder, "copied-content"), "utf8"), "content");
    const [mount] = JSON.parse(await berth("inspect", "-f", "{{json .Mounts}}", "user"));
    assert.deepEqual(
      { ...mount, Source: "" },
      {
        Type: "image",
        Name: "data",
        Source: "",
        Destination: "/i",
        Mode: "",
        RW: false,
        Propagation: "rprivate",
      },
    );
    await engine.restart("SIGKILL");
    assert.equal(await berth("start", "-a", "user"), "content");
    await berth("rm", "user");
    await berth("rmi", "other");
  });

  it("is refused in Docker's words", async () => {
    const image = { Type: "image", Source: "busybox", Target: "/d" };
    const volume = { Type: "volume", Source: "vv", Target: "/d" };
    const bind = { Type: "bind", Source: engine.folder, Target: "/d" };
    const tmpfs = { Type: "tmpfs", Target: "/d" };
    const options = (...Options: string[][]) => ({ ...tmpfs, TmpfsOptions: { Options } });
    const force = { ...bind, ReadOnly: true, BindOptions: { ReadOnlyForceRecursive: true } };
    const both = { ReadOnlyForceRecursive: true, ReadOnlyNonRecursive: true };
    const cases: [mount: object, message: string, version?: string, status?: number][] = [
      [force, "BindOptions.ReadOnlyForceRecursive needs API v1.44 or newer", "1.43"],
      [
        { ...bind, ReadOnly: true, BindOptions: both },
        "mount options conflict: ReadOnlyNonRecursive && ReadOnlyForceRecursive",
      ],
      [{ ...bind, VolumeOptions: {} }, 'VolumeOptions must not be specified on mount type "bind"'],
      [
        { ...bind, ImageOptions: {} },
        'invalid mount config for type "bind": field ImageOptions must not be specified',
      ],
      [{ ...volume, BindOptions: {} }, 'BindOptions must not be specified on mount type "volume"'],
      [
        { ...volume, VolumeOptions: { Subpath: "a" } },
        "VolumeOptions.Subpath needs API v1.45 or newer",
        "1.44",
      ],
      [
        { Type: "volume", Target: "/d", ReadOnly: true },
        'invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes',
      ],
      [options(["uid", "5"]), 'invalid mount config for type "tmpfs": invalid option: uid'],
      [options(["a", "b", "c"]), 'invalid mount config for type "tmpfs": invalid option array length'],
      [options([]), 'invalid mount config for type "tmpfs": invalid option array length'],
      [image, 'Mount type "Image" needs API v1.48 or newer', "1.47"],
      [{ ...image, Source: "nosuch" }, "No such image: nosuch:latest", "1.48", 404],
      [{ ...image, Source: "" }, 'invalid mount config for type "image": field Source must not be empty'],
      [{ ...image, TmpfsOptions: {} }, 'TmpfsOptions must not be specified on mount type "image"'],
      [
        { ...image, ImageOptions: { Subpath: "/etc" } },
        'invalid mount config for type "image": subpath must be a relative path within the volume',
      ],
      [{ Type: "", Source: "x", Target: "/d" }, 'invalid mount config for type "": mount type unknown'],
    ];
    for (const [mount, message, version, status = 400] of cases) {
      const answer = await create(mount, version);
      assert.deepEqual([answer.status, JSON.parse(answer.body).message], [status, message]);
    }
    // Not found, so that Docker's client would look for the image.
    const body = { Image: "busybox", HostConfig: { VolumeDriver: "nosuch", Binds: ["named:/x"] } };
    const driver = await engine.api("POST", "/v1.48/containers/create", body);
    assert.equal(driver.status, 404);
    assert.match(driver.body, /error looking up volume plugin nosuch: plugin \\"nosuch\\" not found/);
    assert.equal(await berth("volume", "ls", "-q"), "");
  });

  it("is read-only all the way down for clients that know of it", async () => {
    const folder = join(engine.folder, "deep");
    mkdirSync(join(folder, "sub"), { recursive: true });
    spawnSync("mount", ["-t", "tmpfs", "below", join(folder, "sub")]);
    const bind = { Type: "bind", Source: folder, Target: "/d", ReadOnly: true };
    const isWritable = async (version: string, HostConfig: object) => {
      const Cmd = ["touch", "/d/sub/x"];
      const body = { Image: "busybox", Cmd, HostConfig };
      const { Id } = JSON.parse((await engine.api("POST", `/v${version}/containers/create`, body)).body);
      const { code } = await engine.berth(["start", "-a", Id]);
      await berth("rm", Id);
      return code === 0;
    };
    try {
      assert.equal(await isWritable("1.43", { Binds: [`${folder}:/d:ro`] }), true);
      assert.equal(await isWritable("1.43", { Mounts: [bind] }), true);
      assert.equal(await isWritable("1.44", { Binds: [`${folder}:/d:ro`] }), false);
      assert.equal(await isWritable("1.44", { Mounts: [bind] }), false);
      const leaving = { ...bind, BindOptions: { ReadOnlyNonRecursive: true } };
      assert.equal(await isWritable("1.44", { Mounts: [leaving] }), true);
      for (const docker of stockDockers) {
        const mount = `type=bind,src=${folder},dst=/d,readonly`;
        const { stdout } = await engine.cli(docker)(["version", "-f", "{{.Client.APIVersion}}"]);
        const touched = await engine.cli(docker)([
          "run",
          "--rm",
          "--mount",
          mount,
          "busybox",
          "touch",
          "/d/sub/x",
        ]);
        assert.equal(touched.code === 0, Number(stdout.split(".")[1]) < 44, docker);
      }
    } finally {
      spawnSync("umount", [join(folder, "sub")]);
    }
  });
});
