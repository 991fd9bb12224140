import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { hostDevices, resolveDevices } from "../../src/runtime/devices.ts";

describe("devices of the host", () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-devices-"));
  after(() => rmSync(folder, { recursive: true }));

  it("are none of those that lie where anyone may write", () => {
    const shared = mkdtempSync("/dev/shm/bt-devices-");
    try {
      execFileSync("mknod", [join(shared, "null"), "c", "1", "3"]);
      const paths = hostDevices().map(({ path }) => path);
      assert.ok(paths.includes("/dev/null"));
      assert.deepEqual(
        paths.filter((path) => /^\/dev\/(console|ptmx|pts|shm|mqueue|fd)(\/|$)/.test(path)),
        [],
      );
    } finally {
      rmSync(shared, { recursive: true });
    }
  });

  it("may come and go while they are listed", async () => {
    execFileSync("mknod", [join(folder, "a"), "c", "1", "3"]);
    const script = "while :; do mkdir d; mknod d/x c 1 5; mknod x c 1 5; echo; rm -r x d; done";
    const churn = spawn("busybox", ["sh", "-c", script], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const gone = once(churn, "exit");
    let turns = 0;
    churn.stdout.on("data", (bytes: Buffer) => {
      turns += bytes.length;
    });
    const mapping = { PathOnHost: folder, PathInContainer: "/dev/x", CgroupPermissions: "rwm" };
    try {
      for (let times = 0; times < 2000 || turns < 20; times++) {
        assert.equal(resolveDevices([mapping]).nodes[0]?.path, "/dev/x/a");
        // The listing itself has no pause in which others could be heard.
        if (times % 100 === 0) await new Promise(setImmediate);
      }
    } finally {
      churn.kill("SIGKILL");
      await gone;
    }
  });
});
