import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, it } from "node:test";
import { eventually, output, startEngine } from "../engine.ts";

const folder = mkdtempSync(join(tmpdir(), "read-only-"));
const image = join(folder, "disk");
const root = join(folder, "data");

before(() => {
  mkdirSync(root);
  writeFileSync(image, "");
  truncateSync(image, 64 << 20);
  execFileSync("mkfs.ext4", ["-q", image]);
  mount(image);
});
after(() => {
  execFileSync("umount", [root]);
  rmSync(folder, { recursive: true });
});

function mount(disk: string): void {
  execFileSync("mount", ["-o", "loop,errors=remount-ro", disk, root]);
}

/** What happens when a disk fails: ext4 takes no more writes, under all that is open. */
function failDisk(): void {
  execFileSync("sync", ["-f", root]);
  const device = execFileSync("findmnt", ["-no", "SOURCE", root], { encoding: "utf8" }).trim();
  writeFileSync(`/sys/fs/ext4/${basename(device)}/trigger_fs_error`, "1");
}

async function repairDisk(): Promise<void> {
  // The supervisor may be about to close a log.
  await eventually(
    () => spawnSync("umount", [root]).status,
    (status) => status === 0,
  );
  // Another one, since a mount namespace made meanwhile by anybody keeps the broken file system in the kernel.
  const copy = join(folder, "repaired");
  copyFileSync(image, copy);
  // It says by its exit code that there was something to be corrected.
  const { status, stdout } = spawnSync("fsck.ext4", ["-fy", copy], { encoding: "utf8" });
  assert.ok(status === 0 || status === 1, stdout);
  mount(copy);
}

it("answers, stops containers and says what is wrong while its data root is read-only", async () => {
  const engine = await startEngine(["--data-root", root]);
  const berth = (...words: string[]) => output(engine.berth, words);
  try {
    await berth("image", "make", "busybox");
    await berth("volume", "create", "kept");
    const counting = "i=0; while :; do i=$((i+1)); echo $i; sleep 0.1; done";
    await berth("run", "-d", "--name", "writer", "busybox", "sh", "-c", counting);
    await berth("run", "-d", "--name", "brief", "--rm", "busybox", "sleep", "1000");
    await berth("create", "--name", "idle", "busybox", "sleep", "1000");
    failDisk();

    assert.match(await berth("ps"), /writer/);
    assert.match(await berth("logs", "writer"), /^1\n/);
    assert.equal(await berth("exec", "writer", "echo", "in"), "in");
    const advice = `the data root ${root} is on a read-only file system: look into the kernel's log for the reason, then remount it writable`;
    const refused = [
      ["create", "busybox", "true"],
      ["run", "--rm", "busybox", "true"],
      ["start", "idle"],
      ["rename", "idle", "other"],
      ["rm", "idle"],
      ["volume", "create", "new"],
      ["volume", "rm", "kept"],
      ["network", "create", "new"],
      ["tag", "busybox", "other"],
      ["commit", "writer", "copy"],
      ["update", "--restart", "always", "writer"],
    ];
    for (const words of refused) {
      const { code, stderr } = await engine.berth(words);
      assert.notEqual(code, 0, words.join(" "));
      assert.ok(stderr.includes(advice), `${words.join(" ")}: ${stderr}`);
    }
    assert.equal((await engine.berth(["cp", "/etc/passwd", "writer:/tmp"])).code, 1);
    await berth("stop", "-t", "0", "writer", "brief");
    assert.equal(
      await berth("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "writer"),
      "exited 137",
    );
    await assert.rejects(
      engine.restart("SIGKILL"),
      new RegExp(`${advice} and start the engine again; containers run on`),
    );

    await repairDisk();
    await engine.restart("SIGKILL");
    assert.equal(await berth("inspect", "-f", "{{.State.Status}}", "writer"), "exited");
    assert.equal((await engine.berth(["inspect", "brief"])).code, 1, "one with --rm is gone");
    assert.equal(await berth("volume", "ls", "-q"), "kept");
    assert.doesNotMatch(await berth("ps", "-a", "--format", "{{.Names}}"), /other/);
    assert.equal(await berth("run", "--rm", "busybox", "echo", "as before"), "as before");
    await berth("rm", "-f", "writer", "idle");
  } finally {
    await engine.stop(/handling an exit failed/);
  }
});
