import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseDaemonFlags } from "../../src/daemon/flags.ts";
import { completeEngineConfig } from "../../src/engine/config.ts";

const parse = (...words: string[]) => parseDaemonFlags(["--config-file", "/dev/null/none", ...words]);

describe("the daemon's flags", () => {
  it("open no TCP socket without TLS to others, unless that is said", () => {
    const refused = /without TLS gives root on this machine to everyone/;
    for (const host of [
      "tcp://0.0.0.0:2375",
      "tcp://192.168.1.5:2375",
      "tcp://[::]:2375",
      "tcp://example.com:1",
    ])
      assert.throws(() => parseDaemonFlags(["-H", host]), refused, host);
    for (const host of [
      "tcp://127.0.0.1:2375",
      "tcp://[::1]:2375",
      "tcp://localhost:2375",
      "unix:///run/x.sock",
    ])
      assert.equal(parseDaemonFlags(["-H", host]).hosts.length, 1, host);
    assert.equal(parseDaemonFlags(["-H", "tcp://0.0.0.0:2375", "--tls=false"]).tls, false);
    assert.equal(parseDaemonFlags(["-H", "tcp://0.0.0.0:2376", "--tlsverify"]).tlsVerify, true);
    assert.equal(parseDaemonFlags(["-H", "tcp://0.0.0.0:2376", "--tls=true"]).tls, true);
  });

  it("say who makes the containers' cgroups, and where, and which unit has the supervisor", () => {
    const cgroups = (...words: string[]) => {
      const { cgroupDriver, cgroupParent } = completeEngineConfig(parseDaemonFlags(words).engine);
      return [cgroupDriver, cgroupParent];
    };
    const bySystemd = ["--exec-opt", "native.cgroupdriver=systemd"];
    assert.deepEqual(cgroups(), ["cgroupfs", "/berth"]);
    assert.deepEqual(cgroups(...bySystemd), ["systemd", "system.slice"]);
    assert.deepEqual(cgroups(...bySystemd, "--cgroup-parent", "a-b.slice"), ["systemd", "a-b.slice"]);
    assert.throws(() => cgroups(...bySystemd, "--cgroup-parent", "/x"), {
      message: 'cgroup-parent for systemd cgroup should be a valid slice named as "xxx.slice"',
    });
    process.env.BERTH_CGROUP_PARENT = "/unit/own";
    try {
      assert.deepEqual(cgroups(), ["cgroupfs", "/unit/own"]);
      assert.deepEqual(cgroups("--cgroup-parent", "/x"), ["cgroupfs", "/x"]);
      assert.deepEqual(cgroups(...bySystemd), ["systemd", "system.slice"]);
    } finally {
      delete process.env.BERTH_CGROUP_PARENT;
    }
    process.env.BERTH_SUPERVISOR_UNIT = "own.service";
    try {
      const unitOf = (...words: string[]) =>
        completeEngineConfig(parseDaemonFlags(words).engine).supervisorUnit;
      assert.equal(unitOf(), "own.service");
      // The unit's supervisor has its run-time folder.
      assert.equal(unitOf("--exec-root", "/elsewhere"), "");
    } finally {
      delete process.env.BERTH_SUPERVISOR_UNIT;
    }
    for (const [option, message] of [
      ["native.cgroupdriver=foo", "native.cgroupdriver option foo not supported"],
      ["foo=bar", "invalid exec-opt (foo=bar): unknown option: 'foo'"],
      ["foo", "invalid exec-opt (foo): must be formatted 'opt=value'"],
    ] as const)
      assert.throws(() => parseDaemonFlags(["--exec-opt", option]), { kind: "invalid", message });
  });

  it("say which namespaces and privileges containers have that say nothing", () => {
    const defaults = (...words: string[]) => parseDaemonFlags(words).engine.containerDefaults;
    const usual = defaults();
    const words = [
      "--default-ipc-mode",
      "shareable",
      "--default-cgroupns-mode",
      "private",
      "--no-new-privileges",
    ];
    assert.deepEqual(defaults(...words), {
      ...usual,
      ...{ ipcMode: "shareable", cgroupnsMode: "private", noNewPrivileges: true },
    });
    for (const [flag, value, message] of [
      ["ipc", "foo", 'default IPC mode setting (foo) is invalid; use "shareable" or "private"'],
      ["ipc", "host", 'IPC mode "host" is not supported as default value; use "shareable" or "private"'],
      ["cgroupns", "foo", 'invalid default cgroup namespace (foo): use "host" or "private"'],
    ] as const)
      assert.throws(() => defaults(`--default-${flag}-mode`, value), { kind: "invalid", message });
  });

  it("are refused when there are none such", () => {
    assert.throws(() => parse("--nosuch"), { kind: "invalid" });
    assert.throws(() => parseDaemonFlags(["--debug=maybe"]), { kind: "invalid" });
    assert.throws(() => parseDaemonFlags(["-H", "http://x"]), /invalid host "http:\/\/x"/);
  });

  it("read the seccomp profile of all containers at once, and refuse what is none", () => {
    const folder = mkdtempSync(join(tmpdir(), "bt-seccomp-"));
    const path = join(folder, "profile.json");
    const seccompOf = (given: string) =>
      parseDaemonFlags(["--seccomp-profile", given]).engine.containerDefaults?.seccomp;
    assert.equal(seccompOf("builtin"), undefined);
    assert.equal(seccompOf(""), undefined);
    assert.deepEqual(seccompOf("unconfined"), { name: "unconfined", profile: "unconfined" });
    const profile = '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}';
    writeFileSync(path, profile);
    assert.deepEqual(seccompOf(path), { name: path, profile });
    const rows: [content: string, message: RegExp][] = [
      ["", /^Decoding seccomp profile failed: /],
      ["{", /^Decoding seccomp profile failed: /],
      ["[]", /^Decoding seccomp profile failed: it is not an object$/],
      ['{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{}]}', /a rule in syscalls has no action$/],
      [" ".repeat((4 << 20) + 1), /failed: it is larger than 4 MiB$/],
    ];
    for (const [content, message] of rows) {
      writeFileSync(path, content);
      assert.throws(() => seccompOf(path), { kind: "invalid", message });
    }
    for (const [odd, message] of [
      [folder, /^opening seccomp profile \(.*\) failed: it is no plain file$/],
      ["/dev/zero", /it is no plain file$/],
      ["/nosuch", /^opening seccomp profile \(\/nosuch\) failed: open \/nosuch: no such file or directory$/],
    ] as const)
      assert.throws(() => seccompOf(odd), { kind: "invalid", message });
    rmSync(folder, { recursive: true });
  });

  it("take Docker's number of attempts at a download", () => {
    const attempts = (given: string) =>
      parseDaemonFlags([`--max-download-attempts=${given}`]).engine.registries?.downloadAttempts;
    assert.deepEqual(["0", "1", "12"].map(attempts), [5, 1, 12]);
    for (const given of ["-1", "x", "99999", "1.5"])
      assert.throws(() => attempts(given), {
        kind: "invalid",
        message: `invalid max download attempts: ${given}`,
      });
  });

  it("take what a container has that says nothing, and refuse what a container would be refused with", () => {
    const folder = mkdtempSync(join(tmpdir(), "bt-flags-"));
    const path = join(folder, "daemon.json");
    const read = (file: object, ...words: string[]) => {
      writeFileSync(path, JSON.stringify(file));
      return parseDaemonFlags(["--config-file", path, ...words]).engine;
    };
    const said = {
      log: { Type: "local", Config: { "max-size": "1m" } },
      ulimits: [{ Name: "nofile", Soft: 100, Hard: 200 }],
      init: true,
      shmSizeBytes: 1 << 20,
    };
    const file = {
      "log-driver": "local",
      "log-opts": { "max-size": "1m" },
      "default-ulimits": { nofile: { Name: "nofile", Soft: 100, Hard: 200 } },
      init: true,
      "default-shm-size": "1m",
      labels: ["a=b"],
    };
    const words = [
      "--log-driver=local",
      "--log-opt",
      "max-size=1m",
      "--default-ulimit",
      "nofile=100:200",
      "--init",
    ];
    assert.deepEqual(read(file).containerDefaults, said);
    assert.deepEqual(read(file).labels, ["a=b"]);
    assert.deepEqual(read({}, ...words, "--default-shm-size", "1m").containerDefaults, said);
    const rows: [file: object, message: RegExp][] = [
      [{ "log-opts": { foo: "x" } }, /^unknown log opt 'foo' for json-file log driver$/],
      [{ "log-driver": "nosuch" }, /plugin "nosuch" not found/],
      [{ "log-opts": [] }, /cannot unmarshal array into Go struct field Config.log-opts of type/],
      [{ "default-ulimits": { nosuch: { Soft: 1 } } }, /invalid ulimit type: nosuch/],
      [
        { "default-ulimits": { nofile: { Soft: 5, Hard: 1 } } },
        /soft limit must be less than or equal to hard limit/,
      ],
      [
        { "default-ulimits": { nofile: 5 } },
        /cannot unmarshal number into Go struct field Config.default-ulimits.nofile of type/,
      ],
      [{ "default-shm-size": "x" }, /invalid size: 'x'/],
      [
        { nosuch: 1, other: 2 },
        /the following directives don't match any configuration option: nosuch, other$/,
      ],
      [{ "storage-driver": "btrfs" }, /directives don't match any configuration option: storage-driver$/],
      [{ "live-restore": false }, /directives don't match any configuration option: live-restore$/],
    ];
    for (const [wrong, message] of rows)
      assert.throws(
        () => read(wrong),
        (error: Error) => message.test(error.message),
        JSON.stringify(wrong),
      );
    read({ "storage-driver": "overlay2", "live-restore": true, experimental: false });
    rmSync(folder, { recursive: true });
  });
});
