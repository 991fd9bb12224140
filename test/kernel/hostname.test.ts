import assert from "node:assert/strict";
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { describe, it } from "node:test";
import { useEngine } from "../engine.ts";

describe("a container's host name", () => {
  const { engine, berth } = useEngine();
  const names = 'hostname; echo "$HOSTNAME"; cat /etc/hostname';

  it("is the one that was asked for, in the host's network too", async () => {
    assert.equal(
      await berth("run", "--rm", "--net", "host", "--hostname", "x", "busybox", "sh", "-c", names),
      "x\nx\nx",
    );
    assert.equal(hostname(), readFileSync("/proc/sys/kernel/hostname", "utf8").trim());
  });

  it("is the machine's in the machine's network, where a change of it stays inside", async () => {
    const script = `${names}; readlink /proc/self/ns/uts`;
    const lines = (await berth("run", "--rm", "--net", "host", "busybox", "sh", "-c", script)).split("\n");
    assert.deepEqual(lines.slice(0, 3), [hostname(), hostname(), hostname()]);
    assert.notEqual(lines[3], readlinkSync("/proc/self/ns/uts"));
  });

  it("is the machine's with its UTS namespace, which admits no other", async () => {
    const script = "hostname; readlink /proc/self/ns/uts";
    assert.equal(
      await berth("run", "--rm", "--uts", "host", "busybox", "sh", "-c", script),
      `${hostname()}\n${readlinkSync("/proc/self/ns/uts")}`,
    );
    const { code, stderr } = await engine.berth(["run", "--uts", "host", "--hostname", "x", "busybox"]);
    assert.equal(code, 125);
    assert.match(stderr, /conflicting options: hostname and the UTS mode/);
  });

  for (const [flags, line] of [
    ["--hostname plain", "plain"],
    ["--hostname a.b.c", "a.b.c a"],
    ["--hostname a --domainname c.d", "a.c.d a"],
    ["--hostname a.b --domainname c.d", "a.b.c.d a"],
  ] as const) {
    it(`is in /etc/hosts by its full and its first name: ${flags}`, async () => {
      const hosts = await berth(
        "run",
        "--rm",
        ...flags.split(" "),
        "busybox",
        "tail",
        "-n",
        "1",
        "/etc/hosts",
      );
      assert.match(hosts, /^\d+\.\d+\.\d+\.\d+\t/);
      assert.equal(hosts.split("\t")[1], line);
    });
  }

  it("leaves the machine's /etc/hosts as it is in the machine's network, unless hosts are added", async () => {
    const cat = ["busybox", "cat", "/etc/hosts"];
    assert.equal(
      await berth("run", "--rm", "--net", "host", "--hostname", "a.b", ...cat),
      readFileSync("/etc/hosts", "utf8").replace(/\n$/, ""),
    );
    const added = await berth("run", "--rm", "--net", "host", "--add-host", "a:1.2.3.4", ...cat);
    assert.match(added, /^127\.0\.0\.1\tlocalhost\n(.*\n){5}1\.2\.3\.4\ta$/);
  });
});
