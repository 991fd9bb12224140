import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseDaemonFlags } from "../../src/daemon/flags.ts";

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

  it("are refused when there are none such", () => {
    assert.throws(() => parse("--nosuch"), { kind: "invalid" });
    assert.throws(() => parseDaemonFlags(["--debug=maybe"]), { kind: "invalid" });
    assert.throws(() => parseDaemonFlags(["-H", "http://x"]), /invalid host "http:\/\/x"/);
  });
});
