import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { parseDaemonFlags } from "../../src/daemon/flags.ts";
import { completeEngineConfig } from "../../src/engine/config.ts";

describe("daemon.json", () => {
  const folder = mkdtempSync(join(tmpdir(), "bt-config-"));
  const path = join(folder, "daemon.json");
  after(() => rmSync(folder, { recursive: true }));
  const parse = (file: unknown, ...words: string[]) => {
    writeFileSync(path, JSON.stringify(file));
    return parseDaemonFlags(["--config-file", path, ...words]);
  };
  const read = (file: unknown, ...words: string[]) => completeEngineConfig(parse(file, ...words).engine);
  const refuse = (file: unknown, message: RegExp, ...words: string[]) =>
    assert.throws(() => read(file, ...words), { kind: "invalid", message }, JSON.stringify(file));

  it("has values of Docker's types, and others are refused in its words", () => {
    const into = "unable to configure the engine with file .*: invalid JSON: json: cannot unmarshal";
    const rows: [file: object, message: string][] = [
      [{ hosts: "tcp://1.2.3.4:1" }, "string into Go struct field Config.hosts of type \\[\\]string$"],
      [{ debug: "yes" }, "string into Go struct field Config.debug of type bool$"],
      [{ mtu: "x" }, "string into Go struct field Config.mtu of type int$"],
      [{ dns: "1.1.1.1" }, "string into Go struct field Config.dns of type"],
      [{ "data-root": 5 }, "number into Go struct field Config.data-root of type string$"],
      [
        { "log-opts": { "max-size": 5 } },
        "number into Go struct field Config.log-opts.max-size of type string$",
      ],
      [
        { "default-ulimits": { nofile: 5 } },
        "number into Go struct field Config.default-ulimits.nofile of type",
      ],
      [{ features: { buildkit: "x" } }, "string into Go struct field Config.features.buildkit of type bool$"],
      [{ "registry-mirrors": { a: 1 } }, "object into Go struct field Config.registry-mirrors of type"],
      [
        { proxies: { "http-proxy": [1] } },
        "array into Go struct field Config.proxies.http-proxy of type string$",
      ],
    ];
    for (const [file, message] of rows) refuse(file, new RegExp(`${into} ${message}`));
    for (const file of [[], 5, null, "x"]) refuse(file, /it is not a JSON object/);
  });

  it("says nothing by null, and by an empty text", () => {
    const keys = ["hosts", "log-level", "bridge", "debug", "mtu", "dns", "labels", "log-driver", "data-root"];
    const usual = read({});
    assert.deepEqual(read(Object.fromEntries(keys.map((key) => [key, null]))), usual);
    assert.deepEqual(parse({ hosts: null }).hosts, parse({}).hosts);
    assert.deepEqual(read({ bridge: "", "log-level": "", "userns-remap": "", "data-root": "" }), usual);
    assert.deepEqual(read({}, "--bridge", ""), usual);
    assert.deepEqual(read({ builder: { gc: { enabled: null } } }), usual);
  });

  it("has members' names in any case", () => {
    const limits = { nofile: { name: "nofile", hard: 20, SOFT: 10 } };
    assert.deepEqual(read({ "default-ulimits": limits }).containerDefaults.ulimits, [
      { Name: "nofile", Soft: 10, Hard: 20 },
    ]);
  });

  it("names runtimes by their programs, with words of their own, and no shims of containerd's", () => {
    const { runtimes, runtimeArgs } = read({
      runtimes: {
        slow: { path: "/opt/crun", runtimeArgs: ["--debug", "--x"] },
        plain: { Path: "/opt/runc" },
      },
    });
    assert.deepEqual(
      [runtimes.slow, runtimes.plain, runtimeArgs],
      ["/opt/crun", "/opt/runc", { slow: ["--debug", "--x"] }],
    );
    const two = { a: { path: "/a" }, b: { path: "/x" } };
    const { runtimes: all } = read({ runtimes: two }, "--add-runtime", "b=/b");
    assert.deepEqual([all.a, all.b], ["/a", "/b"]);
    for (const shim of [{ runtimeType: "io.containerd.runsc.v1" }, { path: "/a", options: {} }])
      refuse({ runtimes: { gvisor: shim } }, /runtime gvisor: runtimeType and options are not supported/);
    for (const none of [{}, { path: "" }, { runtimeArgs: ["--debug"] }])
      refuse({ runtimes: { bad: none } }, /runtime bad: either a runtimeType or a path must be configured$/);
  });

  it("has dockerd's log levels, which are checked before anything starts", () => {
    const levels = [
      ["warn", "warn"],
      ["DEBUG", "debug"],
      ["trace", "trace"],
      ["panic", "fatal"],
      ["fatal", "fatal"],
    ];
    for (const [given, level] of levels) {
      assert.equal(read({ "log-level": given }).logLevel, level);
      assert.equal(read({}, "--log-level", given as string).logLevel, level);
    }
    assert.equal(read({ debug: true }).logLevel, "debug");
    refuse({ "log-level": "warning" }, /^invalid logging level: warning$/);
    refuse({}, /^invalid logging level: nosuch$/, "--log-level", "nosuch");
  });

  it("may not say what a flag says, but add runtimes and features", () => {
    const both = "the following directives are specified both as a flag and in the configuration file: ";
    const rows: [file: object, words: string[], conflicts: string][] = [
      [
        { hosts: ["tcp://127.0.0.1:1"], debug: true },
        ["-H", "fd://", "--debug"],
        "debug: (from flag: true, from file: true), hosts: (from flag: [fd://], from file: [tcp://127.0.0.1:1])",
      ],
      [{ mtu: 1400 }, ["--mtu", "1300"], "mtu: (from flag: 1300, from file: 1400)"],
      [{ labels: ["a=b"] }, ["--label", "c=d"], "labels: (from flag: [c=d], from file: [a=b])"],
      [
        { "insecure-registries": ["a"] },
        ["--insecure-registry", "b"],
        "insecure-registries: (from flag: [b], from file: [a])",
      ],
      [
        { proxies: { "http-proxy": "http://x:1" } },
        ["--http-proxy", "http://y:1"],
        "http-proxy: (from flag: http://y:1, from file: http://x:1)",
      ],
    ];
    for (const [file, words, conflicts] of rows)
      assert.throws(
        () => parse(file, ...words),
        (error: Error) => error.message.endsWith(both + conflicts),
        conflicts,
      );
    const { hasBuildKit, cdiSpecDirs } = read(
      { debug: null, features: { cdi: true, buildkit: false } },
      ...["--debug", "--feature", "cdi=false"],
    );
    assert.deepEqual([hasBuildKit, cdiSpecDirs], [false, []]);
  });

  it("leaves clients to the classic builder where it switches BuildKit off", () => {
    assert.equal(read({}).hasBuildKit, true);
    assert.equal(read({ features: { buildkit: false } }).hasBuildKit, false);
  });

  it("does without a default bridge, which then has no address", () => {
    assert.equal(read({ bridge: "none" }).bridgeName, "none");
    const both = /^You specified -b & --bip, mutually exclusive options\. Please specify only one$/;
    refuse({ bridge: "none", bip: "10.1.0.1/24" }, both);
    refuse({}, both, "-b", "none", "--bip", "10.1.0.1/24");
  });
});
