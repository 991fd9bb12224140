import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, it } from "node:test";
import { createLogger } from "../../src/logger.ts";
import { openState } from "../../src/state/state.ts";
import { volumeKind } from "../../src/volumes/volume.ts";
import { useEngine } from "../engine.ts";

describe("what a volume has at first", () => {
  const { engine, berth } = useEngine();
  const listed = async (...words: string[]) => (await berth("run", "--rm", ...words)).split("\n");

  before(async () => {
    const make =
      "mkdir /data /bare && echo image >/data/file && chown 7:8 /data /bare && chmod 750 /data /bare";
    await berth("run", "--name", "base", "busybox", "sh", "-c", make);
    await berth("commit", "-c", "VOLUME /data", "base", "withdata");
    await berth("rm", "base");
  });

  it("is there as soon as the container is made, and can be copied out of it", async () => {
    await berth("create", "--name", "made", "withdata", "true");
    await berth("cp", "made:/data/file", join(engine.folder, "copied"));
    assert.equal(readFileSync(join(engine.folder, "copied"), "utf8"), "image\n");
    await berth("rm", "-v", "made");
    assert.equal(await berth("volume", "ls", "-q"), "");
  });

  it("stays when something is copied in before the start", async () => {
    writeFileSync(join(engine.folder, "conf"), "mine");
    await berth("create", "--name", "made", "withdata", "ls", "/data");
    await berth("cp", join(engine.folder, "conf"), "made:/data/conf");
    assert.equal(await berth("start", "-a", "made"), "conf\nfile");
    await berth("rm", "-v", "made");
  });

  it("does not come back after the container has emptied it", async () => {
    const empty = "ls /data; rm -rf /data/*; chown 9:9 /data";
    await berth("create", "--name", "once", "-v", "kept:/data", "withdata", "sh", "-c", empty);
    assert.equal(await berth("start", "-a", "once"), "file");
    assert.equal(await berth("start", "-a", "once"), "");
    assert.deepEqual(await listed("-v", "kept:/x", "busybox", "stat", "-c", "%u:%g", "/x"), ["9:9"]);
    await berth("rm", "once");
    await berth("volume", "rm", "kept");
  });

  it("comes from the image's owner and mode alone where there are no files", async () => {
    const contentOf = async (name: string) => {
      const path = await berth("volume", "inspect", "-f", "{{.Mountpoint}}", name);
      const { uid, gid, mode } = statSync(path);
      return [uid, gid, mode & 0o777, ...readdirSync(path)];
    };
    await berth("create", "--name", "made", "-v", "bare:/bare", "-v", "full:/data", "withdata", "true");
    await berth("create", "--name", "other", "-v", "plain:/bare:nocopy", "withdata", "true");
    assert.deepEqual(await contentOf("bare"), [7, 8, 0o750]);
    assert.deepEqual(await contentOf("full"), [7, 8, 0o750, "file"]);
    assert.deepEqual(await contentOf("plain"), [0, 0, 0o755]);
    await berth("rm", "-v", "made", "other");
    await berth("volume", "rm", "bare", "full", "plain");
  });

  it("is not copied once more over what a container has written that mounts it as it is", async () => {
    await berth("create", "--name", "made", "-v", "torn:/data", "withdata", "cat", "/data/file");
    // As if the daemon had been killed while it copied.
    const state = openState(join(engine.root, "berth.db"), createLogger("silent"));
    const records = state.records(volumeKind);
    records.put("torn", { ...records.load().get("torn")!, isPopulating: true });
    state.close();
    await engine.restart("SIGKILL");
    await berth("run", "--rm", "-v", "torn:/x:ro,nocopy", "busybox", "true");
    await berth("run", "--rm", "-v", "torn:/x:nocopy", "busybox", "sh", "-c", "echo mine >/x/file");
    assert.equal(await berth("start", "-a", "made"), "mine");
    await berth("rm", "made");
    await berth("volume", "rm", "torn");
  });

  it("goes to where a volume with options is mounted, for as long as the copy takes", async () => {
    const device = mkdtempSync(join(engine.folder, "device-"));
    await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${device}`, "bound");
    await berth("create", "--name", "made", "-v", "bound:/data", "withdata", "true");
    assert.deepEqual(readdirSync(device), ["file"]);
    assert.doesNotMatch(readFileSync("/proc/self/mountinfo", "utf8"), /volumes\/bound\/_data/);
    await berth("rm", "made");
    await berth("volume", "rm", "bound");
  });

  it("is nothing in the place of a file, and what cannot be mounted is told at create, in Docker's words", async () => {
    const refuse = async (...words: string[]) => {
      const { code, stderr } = await engine.berth(["create", "--name", "never", ...words, "withdata"]);
      assert.notEqual(code, 0);
      return stderr.trim();
    };
    assert.match(
      await refuse("-v", "/etc/passwd"),
      /cannot mount volume over existing file, file exists \/etc\/passwd$/,
    );
    assert.match(await refuse("-v", "named:/etc/passwd"), /source \/etc\/passwd is not directory$/);
    const device = join(engine.folder, "absent");
    await berth("volume", "create", "-o", "type=none", "-o", "o=bind", "-o", `device=${device}`, "far");
    assert.match(
      await refuse("-v", "far:/data"),
      /failed to populate volume: error while mounting volume '.*far\/_data': failed to mount local volume: /,
    );
    mkdirSync(device);
    await berth("create", "--name", "never", "-v", "far:/data", "withdata");
    await berth("rm", "never");
    await berth("volume", "rm", "far", "named");
    assert.equal(await berth("volume", "ls", "-q"), "");
  });
});
