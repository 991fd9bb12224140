import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { useSubordinateIds } from "../subordinate-ids.ts";
import { sh } from "./neighbour.ts";

const first = 1_700_000;
const map = new RegExp(`^ +0 +${first} +65536$`, "m");

describe("user namespaces on Debian's kernel, with cgroup v2 and AppArmor", () => {
  useSubordinateIds("games", first);
  const { engine, berth } = useEngine(undefined, ["--userns-remap", "games"]);
  const shell = (script: string, ...flags: string[]) =>
    berth("run", "--rm", ...flags, "busybox", "sh", "-c", script);

  for (const runtime of ["crun", "runc"]) {
    it(`hold containers of ${runtime}, with limits, a terminal, and files that are theirs`, async () => {
      const script =
        "cat /proc/self/uid_map; touch /made /v/f; chown 5:6 /v/f; echo x >> /etc/hosts; echo out > /dev/stdout;" +
        "stat -c %u:%g / /made /v/f /etc/hosts; cat /sys/fs/cgroup/memory.max";
      const flags = ["--runtime", runtime, "-v", `of-${runtime}:/v`, "-m", "64m"];
      const said = await shell(script, ...flags);
      assert.match(said, map);
      assert.match(said, /\nout\n0:0\n0:0\n5:6\n0:0\n67108864$/);
      for (const more of [
        ["-t"],
        ["--cgroupns", "host"],
        ["--ipc", "host"],
        ["--network", "none"],
        ["--read-only"],
      ])
        assert.match(await shell("cat /proc/self/uid_map", ...flags, ...more), /1700000/);
      assert.equal(await shell("stat -c %u:%g /v/f", "--userns", "host", "-v", `of-${runtime}:/v`), "5:6");
    });
  }

  it("hold steps of a build with their mounts", async () => {
    const dockerfile = [
      "FROM busybox AS other",
      "RUN mkdir -m 700 /o && echo content > /o/f && chown -R 3:4 /o",
      "FROM busybox",
      "RUN cat /proc/self/uid_map > /said && echo x >> /etc/hosts",
      "RUN --mount=type=cache,target=/c,uid=5 --mount=type=bind,from=other,target=/m stat -c %u /c /m/o/f >> /said",
    ];
    sh(
      `mkdir -p ${engine.folder}/context && printf '%s\\n' '${dockerfile.join("' '")}' > ${engine.folder}/context/Dockerfile`,
    );
    await berth("build", "-q", "-t", "made", `${engine.folder}/context`);
    const said = await berth("run", "--rm", "made", "cat", "/said");
    assert.match(said, map);
    assert.match(said, /\n5\n3$/);
  });

  it("are joined and entered, and owners come out of them as they are inside", async () => {
    await berth("run", "-d", "--name", "one", "busybox", "sh", "-c", "touch /f; chown 7:8 /f; sleep 1000");
    const link = await berth("exec", "one", "readlink", "/proc/self/ns/user");
    assert.equal(await shell("readlink /proc/self/ns/user", "--network", "container:one"), link);
    assert.match(await berth("exec", "-t", "one", "id"), /uid=0/);
    await berth("cp", "-a", "/etc/hostname", "one:/copied");
    assert.equal(await berth("exec", "one", "stat", "-c", "%u:%g", "/copied", "/f"), "0:0\n7:8");
    assert.match(
      await berth("exec", "one", "cat", "/proc/self/attr/current"),
      /^docker-default|^berth-default/,
    );
    const pid = await berth("inspect", "-f", "{{.State.Pid}}", "one");
    assert.match(readFileSync(`/proc/${pid}/status`, "utf8"), new RegExp(`^Uid:\\s${first}\\s`, "m"));
    await berth("rm", "-f", "one");
  });
});
