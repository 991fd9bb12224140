import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { completeConfig, completeHostConfig } from "../../src/formats/container-config.ts";
import { generateName, namePattern } from "../../src/formats/container-name.ts";
import { formatStatus } from "../../src/formats/container-status.ts";
import { flagOf, matchesLabels, parseFilters } from "../../src/formats/filters.ts";
import { decodeLogEntry } from "../../src/formats/log-entry.ts";
import { matchesPattern } from "../../src/formats/reference-pattern.ts";
import { parseSignal } from "../../src/formats/signal.ts";
import { formatTimestamp, never, parseTimestamp } from "../../src/formats/timestamp.ts";
import { parseUntil } from "../../src/formats/until.ts";
import { GatheredBytes } from "../../src/supervisor/gathered-bytes.ts";
import { putLogEntries } from "../../src/supervisor/log-entries.ts";

describe("signals", () => {
  it("have names, numbers and places among the real-time ones", () => {
    for (const text of ["KILL", "SIGKILL", "kill", "9"]) assert.equal(parseSignal(text), 9, text);
    assert.equal(parseSignal("RTMIN+3"), 37);
    assert.equal(parseSignal("SIGRTMAX"), 64);
    for (const text of ["", "NOSUCH", "0", "65", "RTMIN+31", "-9"])
      assert.throws(() => parseSignal(text), /invalid signal/, text);
  });
});

describe("timestamps", () => {
  it("are RFC 3339 with nine decimals, and parse back", () => {
    assert.equal(formatTimestamp(0), "1970-01-01T00:00:00.000000000Z");
    assert.equal(formatTimestamp(1_700_000_000_123.456), "2023-11-14T22:13:20.123456000Z");
    assert.equal(Math.round(parseTimestamp("2023-11-14T22:13:20.123456000Z")! * 1000), 1_700_000_000_123_456);
    assert.equal(parseTimestamp("2023-11-14T23:13:20+01:00"), 1_700_000_000_000);
    assert.equal(parseTimestamp("1700000000.5"), 1_700_000_000_500);
    for (const text of ["", "yesterday", "2023-99-99T00:00:00Z"])
      assert.equal(parseTimestamp(text), undefined, text);
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
    assert.equal(matchesPattern("busybox:latest", ["busybox"]), true);
    assert.equal(matchesPattern("busybox:latest", ["busy*"]), true);
    assert.equal(matchesPattern("busybox:latest", ["*:lat?st"]), true);
    assert.equal(matchesPattern("a/busybox:1", ["busybox", "*"]), false);
    assert.equal(matchesPattern("a.b/x:1", ["a[.]b/*"]), true);
    assert.equal(matchesPattern("aXb/x:1", ["a.b/*"]), false);
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

describe("a container's config", () => {
  it("is completed, nulls and old spellings included", () => {
    const config = completeConfig({ Image: "x", Cmd: "sh", Env: null, tty: true });
    assert.deepEqual([config.Cmd, config.Env, config.Tty, config.Labels], [["sh"], null, true, null]);
    assert.equal(completeHostConfig({}).NetworkMode, "default");
  });

  it("is refused with a value of another type", () => {
    for (const given of [{ Cmd: 3 }, { Env: "A=1" }, { Labels: [] }, { Tty: "yes" }, { User: 7 }]) {
      assert.throws(() => completeConfig(given), /json: cannot unmarshal/, JSON.stringify(given));
    }
    assert.throws(() => completeHostConfig({ Memory: "1g" }), /Config.Memory of type int64/);
  });
});
