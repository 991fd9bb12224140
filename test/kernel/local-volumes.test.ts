import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";
import { makeLoopDevice } from "../loop-device.ts";

const words = (text: string) => text.split(" ");

describe("volumes of the local driver with options", () => {
  const { engine, berth } = useEngine();
  const dataOf = (name: string) => join(engine.root, "volumes", name, "_data");
  const isMounted = (name: string) =>
    readFileSync("/proc/self/mountinfo", "utf8").includes(` ${dataOf(name)} `);
  const create = (name: string, options: string) => berth(...words(`volume create ${options} ${name}`));
  const begin = (name: string, mount: string) =>
    berth(...words(`run -d --name ${name} -v ${mount} busybox sleep 1000`));

  it("are mounted once for all containers, and unmounted after the last of them", async () => {
    await create("memory", "-o type=tmpfs -o device=tmpfs -o o=size=1m,uid=1000");
    await begin("first", "memory:/m");
    await berth(...words("exec first sh -c"), "echo shared >/m/file");
    await begin("second", "memory:/m");
    assert.equal(await berth(...words("exec second cat /m/file")), "shared");
    assert.match(
      await berth(...words("exec second sh -c"), "df /m | tail -1; stat -c %u /m"),
      / 1024 [\s\S]*1000$/,
    );
    await berth("rm", "-f", "first");
    assert.ok(isMounted("memory"));
    await berth("restart", "-t", "0", "second");
    assert.ok(isMounted("memory"));
    await berth("kill", "second");
    await eventually(
      () => isMounted("memory"),
      (mounted) => !mounted,
    );
    await berth("rm", "second");
    await berth("volume", "rm", "memory");
  });

  it("stay mounted while the daemon is away, and are unmounted by the next for containers that have ended", async () => {
    for (const name of ["kept", "left"]) await create(name, "-o type=tmpfs -o device=tmpfs");
    await begin("lasting", "kept:/m");
    const ended = await begin("ending", "left:/m");
    await berth(...words("exec lasting touch /m/file"));
    const pid = Number(await berth("inspect", "-f", "{{.State.Pid}}", ended));
    process.kill(engine.pid(), "SIGSTOP");
    process.kill(pid, "SIGKILL");
    await engine.restart("SIGKILL");
    await eventually(
      () => isMounted("left"),
      (mounted) => !mounted,
    );
    assert.ok(isMounted("kept"));
    await begin("joining", "kept:/m");
    assert.equal(await berth(...words("exec joining ls /m")), "file");
    await berth(...words("rm -f lasting ending joining"));
    assert.ok(!isMounted("kept"));
    await berth(...words("volume rm kept left"));
  });

  it("bind a folder of the host, which gets the image's content when empty and stays when the volume goes", async () => {
    const folder = join(engine.folder, "folder");
    mkdirSync(folder);
    await create("bound", `-o type=none -o o=bind -o device=${folder}`);
    assert.match(await berth(...words("run --rm -v bound:/etc busybox cat /etc/passwd")), /^root:/);
    assert.ok(existsSync(join(folder, "passwd")));
    const [mount] = JSON.parse(await berth("volume", "inspect", "-f", "[{{json .}}]", "bound"));
    assert.equal(mount.Mountpoint, dataOf("bound"));
    await berth(...words("create --name stopped -v bound:/b busybox"));
    await berth("cp", "stopped:/b/passwd", join(engine.folder, "copied"));
    assert.match(readFileSync(join(engine.folder, "copied"), "utf8"), /^root:/);
    assert.ok(!isMounted("bound"));
    await berth("rm", "stopped");
    await create("fixed", `-o type=none -o o=rbind,ro,noexec -o device=${folder}`);
    const denied = await engine.berth(words("run --rm -v fixed:/b busybox touch /b/x"));
    assert.match(denied.stderr, /Read-only/);
    assert.match(await berth(...words("run --rm -v fixed:/b busybox grep /b /proc/mounts")), / ro,noexec/);
    await berth(...words("volume rm bound fixed"));
    assert.ok(existsSync(join(folder, "passwd")));
  });

  it("mount a block device", async () => {
    await using device = makeLoopDevice(16);
    spawnSync("mkfs.ext4", ["-q", device.path]);
    await create("disk", `-o type=ext4 -o device=${device.path} -o o=noatime`);
    await berth(...words("run --rm -v disk:/d busybox touch /d/file"));
    assert.equal(await berth(...words("run --rm -v disk:/d:ro busybox ls /d")), "file\nlost+found");
    assert.ok(!isMounted("disk"));
    await berth("volume", "rm", "disk");
  });

  it("name the file system that the kernel lacks", async () => {
    const known = readFileSync("/proc/filesystems", "utf8");
    for (const [type, device, o] of [
      ["nfs", ":/x", "addr=127.0.0.1,soft,timeo=1,retrans=0"],
      ["cifs", "//127.0.0.1/x", "username=u,password=p"],
    ]) {
      const created = [
        "volume",
        "create",
        "-o",
        `type=${type}`,
        "-o",
        `device=${device}`,
        "-o",
        `o=${o}`,
        "remote",
      ];
      assert.equal((await engine.berth(created)).code, 0);
      const { stderr, code } = await engine.berth(words("run --rm -v remote:/r busybox true"));
      assert.equal(code, 125);
      const reason = known.includes(`\t${type}\n`)
        ? ""
        : `: no such device: this kernel has no file system "${type}"\n`;
      assert.match(
        stderr,
        new RegExp(
          `error while mounting volume '${dataOf("remote")}': failed to mount local volume: mount ${device}`,
        ),
      );
      assert.ok(stderr.includes(reason) && !stderr.includes("password=p,"), stderr);
      await berth("volume", "rm", "remote");
    }
  });

  it("are left by prune, which takes anonymous volumes, and with --all the others", async () => {
    const list = async () => (await berth("volume", "ls", "-q")).split("\n").filter(Boolean);
    await create("optioned", "-o type=tmpfs -o device=tmpfs");
    for (const [name, label] of [
      ["named", "a=b"],
      ["other", "c"],
      ["used", "c"],
    ])
      await create(name!, `--label ${label}`);
    await berth(...words("create --name user -v used:/u -v /anonymous busybox"));
    const anonymous = (await list()).find((name) => name.length === 64) ?? "";
    await berth("rm", "user");
    await berth(...words("create --name user -v used:/u busybox"));
    assert.equal(
      await berth(...words("volume prune -f")),
      `Deleted Volumes:\n${anonymous}\n\nTotal reclaimed space: 0B`,
    );
    await berth(...words("volume prune -f -a --filter label!=c"));
    assert.deepEqual(await list(), ["optioned", "other", "used"]);
    const bad = await engine.api(
      "POST",
      `/v1.48/volumes/prune?filters=${encodeURIComponent('{"all":["maybe"]}')}`,
    );
    assert.deepEqual(
      [bad.status, JSON.parse(bad.body).message],
      [400, `invalid filter 'all': strconv.ParseBool: parsing "maybe": invalid syntax`],
    );
    const old = await engine.api("POST", "/v1.41/volumes/prune");
    assert.deepEqual(JSON.parse(old.body).VolumesDeleted, ["other"]);
    const use = JSON.parse((await engine.api("GET", "/v1.48/system/df?type=volume")).body);
    assert.deepEqual(
      use.Volumes.map(({ Name }: { Name: string }) => Name),
      ["used"],
    );
    await berth("rm", "user");
    await berth(...words("volume rm used optioned"));
  });

  it("leave a mount of the host as it is: what is read-only there is so in the container", async () => {
    const folder = join(engine.folder, "forbidden");
    mkdirSync(folder);
    writeFileSync(join(folder, "file"), "");
    spawnSync("mount", ["--bind", folder, folder]);
    spawnSync("mount", ["-o", "remount,bind,ro,noexec,nosuid", folder]);
    try {
      for (const more of ["", " --privileged"]) {
        const options = await berth(...words(`run --rm${more} -v ${folder}:/f busybox grep /f /proc/mounts`));
        assert.match(options, / ro,nosuid,noexec/);
        const written = await engine.berth(words(`run --rm${more} -v ${folder}:/f busybox touch /f/new`));
        assert.match(written.stderr, /Read-only/);
      }
      assert.deepEqual(readdirSync(folder), ["file"]);
    } finally {
      spawnSync("umount", [folder]);
      rmSync(folder, { recursive: true });
    }
  });
});
