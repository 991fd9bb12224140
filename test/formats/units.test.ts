import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatAge,
  formatBinarySize,
  formatDuration,
  formatSize,
  parseDuration,
  parseSize,
} from "../../src/formats/units.ts";

test("sizes are shown in powers of 1000 with four digits, or three", () => {
  const shown = [0, 999, 1000, 1234, 1_982_471, 12_345_678, 999_999, 1e12, 2.5e15].map((size) =>
    formatSize(size),
  );
  assert.deepEqual(shown, ["0B", "999B", "1kB", "1.234kB", "1.982MB", "12.35MB", "1000kB", "1TB", "2.5PB"]);
  assert.equal(formatSize(1_982_471, 3), "1.98MB");
  assert.equal(formatSize(123_456_789, 3), "123MB");
});

test("memory is shown in powers of 1024", () => {
  assert.deepEqual([1_585_446, 64 * 2 ** 20, 1023, 25_275_928_576].map(formatBinarySize), [
    "1.512MiB",
    "64MiB",
    "1023B",
    "23.54GiB",
  ]);
});

test("a size is parsed in powers of 1024, whatever the spelling", () => {
  const texts = ["512", "64m", "64M", "64mb", "64MiB", "1.5g", "1k", "2t", "10 m", "0"];
  const m = 2 ** 20;
  assert.deepEqual(texts.map(parseSize), [
    512,
    64 * m,
    64 * m,
    64 * m,
    64 * m,
    1536 * m,
    1024,
    2 * 2 ** 40,
    10 * m,
    0,
  ]);
});

test("what is no size is refused", () => {
  for (const text of ["", "x", "-1", "m", "١"])
    assert.throws(() => parseSize(text), { message: `invalid size: '${text}'` });
  const suffixes = { "1x": "x", "7mi": "mi", "7bb": "bb", "7kbb": "kbb", "7mibx": "mibx" };
  for (const [text, suffix] of Object.entries(suffixes))
    assert.throws(() => parseSize(text), { message: `invalid suffix: '${suffix}'` });
  const numbers = {
    "1.2.3": "1.2.3",
    "1 2": "1 2",
    "0x10": "0x10",
    " ": "",
    " 7m": " 7",
    "7m ": "7m",
    "7  m": "7 ",
  };
  for (const [text, number] of Object.entries(numbers))
    assert.throws(() => parseSize(text), {
      message: `strconv.ParseFloat: parsing "${number}": invalid syntax`,
    });
});

test("durations are parsed to nanoseconds", () => {
  const texts = ["0", "5s", "1h30m", "500ms", "1.5s", "-2m", "1us", "1µs", "100ns", "2h45m30.5s", "+3s"];
  const s = 1e9;
  assert.deepEqual(texts.map(parseDuration), [
    0,
    5 * s,
    5400 * s,
    s / 2,
    1.5 * s,
    -120 * s,
    1000,
    1000,
    100,
    9930.5 * s,
    3 * s,
  ]);
});

test("a wrong duration is refused in Go's words", () => {
  assert.throws(() => parseDuration("5"), { message: 'time: missing unit in duration "5"' });
  assert.throws(() => parseDuration("5x"), { message: 'time: unknown unit "x" in duration "5x"' });
  for (const text of ["", "s", "abc", "-", "."]) {
    assert.throws(() => parseDuration(text), { message: `time: invalid duration ${JSON.stringify(text)}` });
  }
});

test("durations are shown as Go shows them", () => {
  const shown = [0, 90e9, 5400e9, 1.5e9, 500e6, 1500, 7, -2e9].map(formatDuration);
  assert.deepEqual(shown, ["0s", "1m30s", "1h30m0s", "1.5s", "500ms", "1.5µs", "7ns", "-2s"]);
});

test("an age is rounded for people", () => {
  const day = 86_400;
  const ages = [
    0.4,
    1,
    59,
    60,
    119,
    120,
    3540,
    3600,
    5400,
    47 * 3600,
    49 * 3600,
    13 * day,
    15 * day,
    61 * day,
    729 * day,
    731 * day,
  ];
  assert.deepEqual(ages.map(formatAge), [
    "Less than a second",
    "1 second",
    "59 seconds",
    "About a minute",
    "About a minute",
    "2 minutes",
    "59 minutes",
    "About an hour",
    "2 hours",
    "47 hours",
    "2 days",
    "13 days",
    "2 weeks",
    "2 months",
    "24 months",
    "2 years",
  ]);
});

test("an age of hours and more is rounded before it is days, as Docker rounds it", () => {
  const ages = [47.4, 47.5, 48, 71.4, 71.5, 335.5, 1439.5, 17519.4, 17519.5].map((hours) => hours * 3600);
  assert.deepEqual(ages.map(formatAge), [
    "47 hours",
    ...["2 days", "2 days", "2 days", "3 days"],
    ...["2 weeks", "2 months", "24 months", "1 years"],
  ]);
});
