import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { useEngine } from "../engine.ts";
import { useSubordinateIds } from "../subordinate-ids.ts";

/**
 * As /run is, on which the engine's files lie: with flags that a user namespace may not take away.
 * @returns what ends it, to be called once the engine has ended
 */
function useFlaggedMount(): () => void {
  const place = mkdtempSync(join(tmpdir(), "berth-flags-"));
  const given = process.env.TMPDIR;
  before(() => {
    chmodSync(place, 0o711);
    execFileSync("mount", ["--bind", place, place]);
    execFileSync("mount", ["-o", "remount,bind,nosuid,nodev,noatime", place]);
    process.env.TMPDIR = place;
  });
  return () => {
    if (given === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = given;
    execFileSync("umount", [place]);
    rmdirSync(place);
  };
}

suite("a daemon that remaps, with its files on a mount of few rights", () => {
  const unmount = useFlaggedMount();
  useSubordinateIds("irc", 1_900_000);
  const { berth } = useEngine(undefined, ["--userns-remap", "irc"]);
  after(unmount);

  for (const runtime of ["crun", "runc"])
    test(`has ${runtime} make what is to be read-only so`, async () => {
      const script = "cat /proc/self/uid_map; (echo x >> /etc/hosts) 2>&1; (echo x > /v/f) 2>&1; true";
      const flags = ["--runtime", runtime, "--read-only", "-v", "/etc/skel:/v:ro"];
      const said = await berth("run", "--rm", ...flags, "busybox", "sh", "-c", script);
      assert.match(said, /^ +0 +1900000 /);
      assert.match(said, /\/etc\/hosts: Read-only file system/);
      assert.match(said, /\/v\/f: Read-only file system/);
    });
});
