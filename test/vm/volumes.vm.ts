import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, it } from "node:test";
import { useEngine } from "../engine.ts";
import { sh } from "./neighbour.ts";

const words = (text: string) => text.split(" ");

describe("volumes on servers", () => {
  before(() => {
    mkdirSync("/srv/nfs", { recursive: true });
    mkdirSync("/srv/smb", { recursive: true });
    writeFileSync("/etc/exports", "/srv/nfs 127.0.0.1(rw,no_root_squash,no_subtree_check,insecure)\n");
    // Nothing can be opened until those that had it open before have come back.
    mkdirSync("/etc/nfs.conf.d", { recursive: true });
    writeFileSync("/etc/nfs.conf.d/quick.conf", "[nfsd]\ngrace-time=10\nlease-time=10\n");
    const share = "[share]\n path = /srv/smb\n read only = no\n force user = root\n";
    writeFileSync("/etc/samba/smb.conf", `[global]\n map to guest = never\n${share}`);
    sh("useradd --no-create-home anna; printf 'secret\\nsecret\\n' | smbpasswd -s -a anna");
    sh("systemctl start nfs-server smbd");
    sh(
      "i=0; until smbd -b >/dev/null && ss -ltn | grep -q ':445 '; do i=$((i+1)); [ $i -lt 100 ]; sleep 1; done",
    );
  });
  after(() => sh("systemctl stop nfs-server smbd"));
  const { engine, berth } = useEngine();
  const isMounted = (name: string) =>
    readFileSync("/proc/self/mountinfo", "utf8").includes(`/volumes/${name}/_data `);

  for (const version of ["4", "3"]) {
    it(`of type nfs, version ${version}, are the server's directory, mounted as long as containers have them`, async () => {
      const options = `addr=127.0.0.1,rw,nolock,nfsvers=${version}`;
      await berth(...words(`volume create -o type=nfs -o o=${options} -o device=:/srv/nfs far`));
      await berth(...words("run -d --name first -v far:/far busybox sleep 1000"));
      await berth("exec", "first", "sh", "-c", "echo from the container >/far/file");
      assert.equal(readFileSync("/srv/nfs/file", "utf8"), "from the container\n");
      assert.match(await berth("exec", "first", "grep", " /far ", "/proc/mounts"), /^:\/srv\/nfs \/far nfs/);
      writeFileSync("/srv/nfs/file", "from the server\n");
      assert.equal(await berth(...words("run --rm -v far:/far:ro busybox cat /far/file")), "from the server");
      assert.ok(isMounted("far"));
      await berth("rm", "-f", "first");
      assert.ok(!isMounted("far"));
      await berth("volume", "rm", "far");
      assert.equal(readFileSync("/srv/nfs/file", "utf8"), "from the server\n", "it stays on the server");
    });
  }

  it("of type cifs log in with the password that they were given, which no message shows", async () => {
    const create = (name: string, password: string) =>
      berth(
        ...words(`volume create -o type=cifs -o device=//localhost/share -o`),
        `o=username=anna,password=${password},uid=7,file_mode=0640`,
        name,
      );
    await create("share", "secret");
    writeFileSync("/srv/smb/file", "of the server\n");
    const run = "run --rm -v share:/s busybox sh -c";
    const seen = await berth(...words(run), "cat /s/file; stat -c '%u %a' /s/file; echo new >/s/new");
    assert.equal(seen, "of the server\n7 640");
    assert.equal(readFileSync("/srv/smb/new", "utf8"), "new\n");
    assert.ok(!isMounted("share"));
    await create("wrong", "mistaken");
    const refused = await engine.berth(words("run --rm -v wrong:/s busybox true"));
    assert.equal(refused.code, 126, "docker's, for an error of these words");
    assert.match(
      refused.stderr,
      /failed to mount local volume: mount \/\/localhost\/share:.*password=\*+.*: (permission denied|Permission denied)/i,
    );
    assert.doesNotMatch(refused.stderr, /mistaken/);
    await berth("volume", "rm", "share", "wrong");
  });

  it("that the server does not have are refused with its reason, and nothing is left", async () => {
    await berth(
      ...words("volume create -o type=nfs -o o=addr=127.0.0.1,nfsvers=4 -o device=:/srv/none none"),
    );
    const refused = await engine.berth(words("run --rm -v none:/n busybox true"));
    assert.equal(refused.code, 127, "docker's, for an error of these words");
    assert.match(
      refused.stderr,
      /failed to mount local volume: mount :\/srv\/none:.*no such file or directory/i,
    );
    assert.ok(!isMounted("none"));
    await berth("volume", "rm", "none");
  });
});
