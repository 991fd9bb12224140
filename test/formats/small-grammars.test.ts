import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatCommand } from "../../src/formats/container-command.ts";
import { generateName, namePattern } from "../../src/formats/container-name.ts";
import { formatStatus } from "../../src/formats/container-status.ts";
import { fitsLabels, flagOf, matchesLabels, parseFilters } from "../../src/formats/filters.ts";
import { decodeLogEntry } from "../../src/formats/log-entry.ts";
import { compileReferencePatterns } from "../../src/formats/reference-pattern.ts";
import { isSendable, parseSignal } from "../../src/formats/signal.ts";
import { formatTimestamp, never, parseTimestamp } from "../../src/formats/timestamp.ts";
import { parseUntil } from "../../src/formats/until.ts";
import { GatheredBytes } from "../../src/supervisor/gathered-bytes.ts";
import { putLogEntries } from "../../src/supervisor/log-entries.ts";

describe("signals", () => {
  it("have names, numbers and places among the real-time ones", () => {
    for (const text of ["KILL", "SIGKILL", "kill", "9"]) assert.equal(parseSignal(text), 9, text);
    for (const text of ["CLD", "SIGCLD", "chld"]) assert.equal(parseSignal(text), 17, text);
    assert.equal(parseSignal("RTMIN+3"), 37);
    assert.equal(parseSignal("SIGRTMAX"), 64);
    assert.equal(parseSignal("SIGRTMIN+15") + 1, parseSignal("RTMAX-14"));
    for (const text of [
      "",
      "NOSUCH",
      "0",
      "9".repeat(20),
      "RTMIN+0",
      "RTMIN+16",
      "RTMAX-15",
      "SIGSIGKILL",
      "5x",
      " 9",
    ])
      assert.throws(() => parseSignal(text), { message: `invalid signal: ${text}` });
  });

  it("may be numbers that cannot be sent", () => {
    assert.deepEqual(["65", "-9", "+5", "32"].map(parseSignal), [65, -9, 5, 32]);
    assert.deepEqual([1, 31, 34, 64].map(isSendable), [true, true, true, true]);
    assert.deepEqual([-9, 0, 32, 33, 65].map(isSendable), [false, false, false, false, false]);
  });
});

describe("timestamps", () => {
  it("are RFC 3339 with nine decimals, and parse back", () => {
    assert.equal(formatTimestamp(0), "1970-01-01T00:00:00.000000000Z");
    assert.equal(formatTimestamp(1_700_000_000_123.456), "2023-11-14T22:13:20.123456000Z");
    assert.equal(Math.round(parseTimestamp("2023-11-14T22:13:20.123456000Z")! * 1000), 1_700_000_000_123_456);
    assert.equal(parseTimestamp("2023-11-14T23:13:20+01:00"), 1_700_000_000_000);
    assert.equal(parseTimestamp("1700000000.5"), 1_700_000_000_500);
    assert.equal(parseTimestamp("-1.5"), -1500);
    assert.equal(parseTimestamp("0"), 0);
    for (const text of ["", "yesterday", "2023-99-99T00:00:00Z"])
      assert.equal(parseTimestamp(text), undefined, text);
  });

  it("are the same however they are written, to the microsecond", () => {
    for (let n = 0; n < 20_000; n++) {
      const seconds = 1_700_000_000 + n * 4099;
      const fraction = String((n * 7919 * 104_729) % 1_000_000).padStart(6, "0");
      const text = `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${fraction}000Z`;
      assert.equal(parseTimestamp(`${seconds}.${fraction}000`), parseTimestamp(text), text);
    }
  });

  it("reach back from now in an until filter", () => {
    assert.equal(parseUntil("10m", 1_000_000), 400_000);
    assert.equal(parseUntil(undefined), undefined);
    assert.throws(() => parseUntil("soon"), /invalid filter 'until=\[soon\]'/);
  });
});

describe("filters", () => {
  it("come as lists or as sets, and only with known keys", () => {
    assert.deepEqual(parseFilters('{"name":["a","b"]}', ["name"]), new Map([["name", ["a", "b"]]]));
    assert.deepEqual(parseFilters('{"name":{"a":true}}', ["name"]), new Map([["name", ["a"]]]));
    assert.deepEqual(parseFilters("", []), new Map());
    for (const text of ['{"x":["y"]}', "[", "3", '{"name":1}'])
      assert.throws(() => parseFilters(text, ["name"]), /invalid filter/, text);
  });

  it("match labels by key and by value, all of them", () => {
    const filters = parseFilters('{"label":["a","b=2"]}', ["label"]);
    assert.equal(matchesLabels(filters, { a: "", b: "2" }), true);
    assert.equal(matchesLabels(filters, { a: "", b: "3" }), false);
    assert.equal(matchesLabels(filters, null), false);
    const without = parseFilters('{"label!":["a","b=2"]}', ["label!"]);
    assert.equal(fitsLabels(without, { a: "", b: "2" }), false);
    assert.equal(fitsLabels(without, { a: "", b: "3" }), true);
    assert.equal(fitsLabels(without, null), true);
    assert.equal(fitsLabels(new Map([...filters, ...without]), { a: "", b: "2" }), false);
    assert.equal(flagOf(parseFilters('{"dangling":["true"]}', ["dangling"]), "dangling"), true);
    assert.throws(() => flagOf(parseFilters('{"dangling":["maybe"]}', ["dangling"]), "dangling"), /maybe/);
  });
});

describe("names", () => {
  it("are two words Docker accepts, with a digit after the first attempt", () => {
    for (let n = 0; n < 200; n++) assert.match(generateName(0), /^[a-z]+_[a-z]+$/);
    assert.match(generateName(1), /^[a-z]+_[a-z]+\d$/);
    for (const name of ["a", "-ab", ".ab", "a b", "a/b", ""]) assert.doesNotMatch(name, namePattern, name);
  });
});

describe("reference patterns", () => {
  it("match the name with or without its tag, a star within one segment", () => {
    assert.equal(compileReferencePatterns(["busybox"])("busybox:latest"), true);
    assert.equal(compileReferencePatterns(["busy*"])("busybox:latest"), true);
    const byDigest = `a.b/x@sha256:${"0".repeat(64)}`;
    for (const pattern of ["a.b/x", "a.b/*", byDigest, "a.b/x@sha256:*"])
      assert.equal(compileReferencePatterns([pattern])(byDigest), true, pattern);
    assert.equal(compileReferencePatterns(["a.b/x:1"])(byDigest), false);
    assert.equal(compileReferencePatterns(["*:lat?st"])("busybox:latest"), true);
    assert.equal(compileReferencePatterns(["busybox", "*"])("a/busybox:1"), false);
    assert.equal(compileReferencePatterns(["a[.]b/*"])("a.b/x:1"), true);
    assert.equal(compileReferencePatterns(["a.b/*"])("aXb/x:1"), false);
  });
});

describe("log entries", () => {
  it("survive every character, and a torn line is none", () => {
    const line = 'quotes " and \\ and \u0000 and ünïcödé \u2028\n';
    const target = new GatheredBytes();
    putLogEntries(Buffer.from(line), { stream: "stderr", time: "2023-11-14T22:13:20.000000000Z" }, target);
    const text = target.bytes.toString();
    assert.deepEqual(decodeLogEntry(text), {
      log: line,
      stream: "stderr",
      time: "2023-11-14T22:13:20.000000000Z",
    });
    assert.equal(decodeLogEntry(text.slice(0, 20)), undefined);
    assert.equal(decodeLogEntry("3"), undefined);
  });
});

it("a container's command is shown as Docker shows it", () => {
  for (const [args, shown] of [
    [["/bin/my prog", "x y"], "/bin/my prog 'x y'"],
    [["sh", "-c", "echo 'a b'"], "sh -c 'echo 'a b''"],
    [["echo", "it's", "a\\b", "a\tb", ""], "echo it's a\\b a\tb "],
    [["true"], "true"],
    [[], ""],
  ] as const)
    assert.equal(formatCommand(args), shown);
});

describe("a container's status", () => {
  const at = (status: string, more = {}) =>
    ({
      Status: status,
      StartedAt: "1970-01-01T00:00:00Z",
      FinishedAt: "1970-01-01T00:00:00Z",
      ExitCode: 0,
      ...more,
    }) as Parameters<typeof formatStatus>[0];
  it("reads as in docker ps", () => {
    assert.equal(formatStatus(at("running"), 300_000), "Up 5 minutes");
    assert.equal(formatStatus(at("paused"), 300_000), "Up 5 minutes (Paused)");
    assert.equal(formatStatus(at("exited", { ExitCode: 137 }), 7_200_000), "Exited (137) 2 hours ago");
    assert.equal(formatStatus(at("restarting", { ExitCode: 1 }), 3_000), "Restarting (1) 3 seconds ago");
    assert.equal(formatStatus(at("created", { StartedAt: never }), 0), "Created");
  });
});
