import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { canLoadProfiles } from "../../src/sys/apparmor.ts";
import { output, useEngine } from "../engine.ts";

const confinement = "confinement by AppArmor";

// A skipped suite would not be counted among what was skipped.
if (canLoadProfiles()) describe(confinement, testConfinement);
else
  it(confinement, { skip: "AppArmor is off in this kernel, or apparmor_parser is not installed" }, () => {});

function testConfinement() {
  const { engine, berth } = useEngine();
  const current = ["cat", "/proc/self/attr/current"];

  for (const runtime of ["crun", "runc"]) {
    const run = (...words: string[]) => berth("run", "--rm", "--runtime", runtime, ...words);

    it(`is the default with ${runtime}, and is off for who asks and for the privileged`, async () => {
      assert.equal(await run("busybox", ...current), "berth-default (enforce)");
      assert.equal(
        await run("--security-opt", "no-new-privileges", "busybox", ...current),
        "berth-default (enforce)",
      );
      assert.equal(
        await run("--security-opt", "apparmor=docker-default", "busybox", ...current),
        "berth-default (enforce)",
      );
      assert.equal(await run("--security-opt", "apparmor=unconfined", "busybox", ...current), "unconfined");
      assert.equal(await run("--privileged", "busybox", ...current), "unconfined");
    });

    it(`denies what capabilities and read-only mounts would not, with ${runtime}`, async () => {
      const open = ["--security-opt", "systempaths=unconfined", "--security-opt", "seccomp=unconfined"];
      const admin = [...open, "--cap-add", "SYS_ADMIN"];
      const attempt = async (...words: string[]) =>
        (await engine.berth(["run", "--rm", "--runtime", runtime, ...admin, ...words])).code;
      const unconfined = ["--security-opt", "apparmor=unconfined"];
      for (const command of [
        "mount -t tmpfs none /tmp",
        "head -c 1 /proc/sysrq-trigger; : >/proc/sysrq-trigger",
      ]) {
        const words = ["busybox", "sh", "-c", command];
        assert.notEqual(await attempt(...words), 0, command);
        assert.equal(await attempt(...unconfined, ...words), 0, `${command}, unconfined`);
      }
      const write = "f=/proc/sys/vm/swappiness; cat $f >$f";
      assert.notEqual(await attempt("busybox", "sh", "-c", write), 0);
      assert.equal(
        await attempt(
          "busybox",
          "sh",
          "-c",
          "echo 5 >/proc/self/oom_score_adj; f=/proc/sys/kernel/shmmni; cat $f >$f",
        ),
        0,
      );
    });

    it(`confines what is run in a container later, and lets it be traced and stopped, with ${runtime}`, async () => {
      await berth("run", "-d", "--name", "confined", "--runtime", runtime, "busybox", "sleep", "1000");
      assert.equal(await berth("inspect", "-f", "{{.AppArmorProfile}}", "confined"), "berth-default");
      assert.equal(await berth("exec", "confined", ...current), "berth-default (enforce)");
      assert.equal(await berth("exec", "--privileged", "confined", ...current), "berth-default (enforce)");
      assert.match(
        await berth("exec", "confined", "sh", "-c", "ls -l /proc/1/exe; kill -0 1"),
        /busybox|sleep/,
      );
      const pid = await berth("inspect", "-f", "{{.State.Pid}}", "confined");
      assert.match(readFileSync(`/proc/${pid}/environ`, "latin1"), /PATH=/);
      await berth("rm", "-f", "confined");
    });

    it(`tells with ${runtime} that there is no such profile`, async () => {
      const words = [
        "run",
        "--rm",
        "--runtime",
        runtime,
        "--security-opt",
        "apparmor=no-such",
        "busybox",
        "true",
      ];
      const result = await engine.berth(words);
      assert.equal(result.code, 127);
      assert.match(
        result.stderr,
        /unable to apply apparmor profile: apparmor failed to apply profile: write /,
      );
    });
  }

  it("is told by info", async () => {
    assert.match(await output(engine.cli("docker"), ["info", "-f", "{{.SecurityOptions}}"]), /name=apparmor/);
  });

  it("loads the profile again when somebody has unloaded it", async () => {
    const remove = ["-c", "echo 'profile berth-default {}' | apparmor_parser --remove"];
    await output(engine.cli("sh"), remove);
    assert.equal(await berth("run", "--rm", "busybox", ...current), "berth-default (enforce)");
    await berth("run", "-d", "--name", "left", "busybox", "sleep", "1000");
    await output(engine.cli("sh"), remove);
    assert.equal(await berth("exec", "left", ...current), "berth-default (enforce)");
    await berth("rm", "-f", "left");
  });
}
