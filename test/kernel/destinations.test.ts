import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { eventually, useEngine } from "../engine.ts";

describe("mounts whose destination is a link", () => {
  const { engine, berth } = useEngine();

  /** Makes an image in which something has been done. */
  async function make(image: string, script: string, ...changes: string[]): Promise<void> {
    await berth("run", "--name", "maker", "busybox", "sh", "-ec", script);
    await berth("commit", ...changes.flatMap((change) => ["--change", change]), "maker", image);
    await berth("rm", "maker");
  }

  it("never cover what the kernel tells in /proc, whoever made the link", async () => {
    await make("proc", "ln -s /proc /mnt; ln -s self/attr /attr; ln -s /proc/self /link", "VOLUME /mnt");
    await make("attr", "mkdir /a; ln -s ../proc/self/attr /a/b", "VOLUME /a/b");
    for (const words of [
      ["proc", "true"],
      ["attr", "true"],
      ["-v", "/link/attr", "busybox-link", "true"],
      ["--tmpfs", "/link/attr", "busybox-link", "true"],
      ["-v", "/tmp:/link/fd", "busybox-link", "true"],
    ]) {
      if (words.includes("busybox-link")) await make("busybox-link", "ln -s /proc/self /link");
      const { code, stderr } = await engine.berth(["run", "--rm", ...words]);
      assert.notEqual(code, 0, words.join(" "));
      assert.match(
        stderr,
        /"\/proc(\/self\/\w+)?" cannot be mounted because it is (inside "\/proc"|not of type proc)/,
      );
    }
  });

  it("never cover it by a link that a container has left in a volume either", async () => {
    await berth("run", "--rm", "-v", "data:/data", "busybox", "ln", "-s", "/proc/self/attr", "/data/link");
    const { code, stderr } = await engine.berth([
      "run",
      "--rm",
      "-v",
      "data:/data",
      "-v",
      "/data/link",
      "busybox",
      "true",
    ]);
    assert.notEqual(code, 0);
    assert.match(stderr, /inside "\/proc"/);
  });

  it("are made where an honest link leads, and shown as they were asked for", async () => {
    await make("linked", "mkdir -p /srv/real; ln -s /srv/real /shortcut", "VOLUME /shortcut");
    await berth("run", "--name", "honest", "linked", "sh", "-c", "echo x > /srv/real/file");
    assert.match(await berth("inspect", "-f", "{{json .Mounts}}", "honest"), /"Destination":"\/shortcut"/);
    assert.equal(await berth("diff", "honest"), "");
    assert.match(await berth("cp", "honest:/shortcut/file", "-"), /x\n/);
    await berth("rm", "-v", "honest");
  });

  it("have their parents made with the mode of any directory, in a volume and elsewhere", async () => {
    const mounts = [
      "-v",
      "outer:/data",
      "-v",
      "inner:/data/a/b",
      "-v",
      "/etc/hostname:/data/c/file",
      "-v",
      "inner:/x/y/z",
    ];
    const modes = (...paths: string[]) => ["busybox", "stat", "-c", "%a", ...paths];
    const made = await berth("run", "--rm", ...mounts, ...modes("/x", "/x/y", "/data/a", "/data/c"));
    assert.equal(made, "755\n755\n755\n755");
    const left = await berth("run", "--rm", "-v", "outer:/data", ...modes("/data/a/b", "/data/c/file"));
    assert.equal(left, "755\n755");
  });
});

describe("a user whose files of names are not what the lowest layer says", () => {
  const { engine, berth } = useEngine();

  it("is looked up in what the container sees, at its start and for an exec", async () => {
    await berth(
      "run",
      "-d",
      "--name",
      "named",
      "busybox",
      "sh",
      "-c",
      "echo '1000:x:2000:3000::/:' >> /etc/passwd; touch /ready; sleep 1000",
    );
    const isReady = async () => (await engine.berth(["exec", "named", "test", "-e", "/ready"])).code === 0;
    await eventually(isReady, (ready) => ready);
    assert.equal(await berth("exec", "-u", "1000", "named", "id", "-u"), "1000");
    assert.equal(await berth("exec", "-u", "2000", "named", "id", "-g"), "3000");
    await berth("exec", "named", "rm", "/etc/passwd", "/etc/group");
    for (const [user, message] of [
      ["0:root", /unable to find group root: no matching entries in group file/],
      ["root", /unable to find user root: no matching entries in passwd file/],
      ["2147483648", /uids and gids must be in range 0-2147483647/],
    ] as const) {
      const { code, stdout, stderr } = await engine.berth(["exec", "-u", user, "named", "true"]);
      assert.deepEqual([code, message.test(stdout + stderr)], [1, true], stdout + stderr);
    }
    await berth("commit", "named", "nameless");
    await berth("rm", "-f", "named");
    const { code, stderr } = await engine.berth(["run", "--rm", "-u", "0:root", "nameless", "true"]);
    assert.deepEqual([code, /unable to find group root/.test(stderr)], [125, true], stderr);
  });
});
