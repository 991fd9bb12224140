import assert from "node:assert/strict";
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it, type TestContext } from "node:test";
import type { ContainerRecord } from "../../src/containers/container.ts";
import { findLogSource, logDriverNames, logOptionsOf, logPathOf } from "../../src/containers/logs/drivers.ts";
import { openJsonFile } from "../../src/containers/logs/json-file.ts";
import type { LogSelection, LogSource } from "../../src/containers/logs/source.ts";
import type { LogEntry } from "../../src/formats/log-entry.ts";
import { createLogSink, logDrivers } from "../../src/supervisor/log-sink.ts";
import { eventually } from "../engine.ts";

const folder = mkdtempSync(join(tmpdir(), "bt-source-"));
after(() => rmSync(folder, { recursive: true }));
let count = 0;

/** As much of a record as says where a log is and how it is kept. */
function recordOf(driver: string, config: Record<string, string> = {}): ContainerRecord {
  const hostConfig = { LogConfig: { Type: driver, Config: config } };
  const image = { Env: ["A=b", "AB=c"], Labels: { l: "m" }, Image: "busybox" };
  return { id: `c${count++}`, name: "n", config: image, hostConfig } as unknown as ContainerRecord;
}

const all: LogSelection = {
  ...{ stdout: true, stderr: true },
  ...{ since: undefined, until: undefined, tail: undefined },
};

async function collect(entries: AsyncGenerator<LogEntry[]>): Promise<string[]> {
  const texts: string[] = [];
  for await (const some of entries) texts.push(...some.map(({ log }) => log.trim()));
  return texts;
}

it("has for each driver of the daemon's a sink of the supervisor's, and the other way round", () => {
  const used = logDriverNames.map((driver) => logOptionsOf(folder, recordOf(driver)).driver);
  assert.deepEqual([...new Set(used)].sort(), [...logDrivers].sort());
});

it("keeps as many files as Docker's driver does, and of json-file five where nothing is said", () => {
  const kept = (driver: string, config: Record<string, string>) => {
    const { path: _, ...rest } = logOptionsOf(folder, recordOf(driver, config)) as unknown as Record<
      string,
      unknown
    >;
    return rest;
  };
  const file = { driver: "json-file" };
  const [small, usual] = [1_000_000, 20_000_000];
  assert.deepEqual(kept("json-file", {}), { ...file, maxSizeBytes: usual, maxFiles: 5 });
  assert.deepEqual(kept("json-file", { "max-size": "1m" }), { ...file, maxSizeBytes: small, maxFiles: 1 });
  assert.deepEqual(kept("json-file", { "max-file": "3" }), { ...file, maxSizeBytes: usual, maxFiles: 3 });
  const compressed = { ...file, compress: true };
  const local = { ...compressed, maxSizeBytes: usual, maxFiles: 5 };
  assert.deepEqual(kept("local", {}), local);
  assert.deepEqual(kept("local", { "max-size": "1m" }), { ...local, maxSizeBytes: small });
  // Of an earlier version, which took it.
  const both = { "max-size": "1m", compress: "true" };
  assert.deepEqual(kept("json-file", both), { ...file, maxSizeBytes: small, maxFiles: 1 });
});

for (const driver of logDriverNames) {
  const folderOf = ({ id }: ContainerRecord) => {
    mkdirSync(join(folder, id), { recursive: true });
    return join(folder, id);
  };
  const open = (record: ContainerRecord): LogSource | undefined => findLogSource(folderOf(record), record);

  it(`reads what the sink of ${driver} has written, or says that it cannot be read`, async () => {
    const record = recordOf(driver);
    const sink = createLogSink(logOptionsOf(folderOf(record), record));
    for (const text of ["one\n", "two\n", "three\n"]) sink.append("stdout", Buffer.from(text));
    sink.append("stderr", Buffer.from("bad\n"));
    await sink.end();
    const source = open(record);
    assert.equal(source === undefined, logPathOf(folderOf(record), record) === "");
    if (!source) return;
    assert.deepEqual(await collect(source.read(all)), ["one", "two", "three", "bad"]);
    assert.deepEqual(await collect(source.read({ ...all, stdout: false })), ["bad"]);
    assert.deepEqual(await collect(source.read({ ...all, tail: 2 })), ["three", "bad"]);
    assert.deepEqual(await collect(source.read({ ...all, stderr: false, tail: 1 })), ["three"]);
    assert.deepEqual(await collect(source.read({ ...all, tail: 0 })), []);
    assert.deepEqual(await collect(source.read({ ...all, since: Date.now() + 60_000 })), []);
    assert.deepEqual(await collect(source.read({ ...all, until: Date.now() - 60_000 })), []);
    assert.deepEqual(await collect(source.follow(all, Promise.resolve())), ["one", "two", "three", "bad"]);
  });

  it(`follows what the sink of ${driver} writes, from its tail to its end and across rotations`, async () => {
    const record = recordOf(driver, { "max-size": "300", "max-file": "3" });
    const sink = createLogSink(logOptionsOf(folderOf(record), record));
    sink.append("stdout", Buffer.from("old\nlast\n"));
    await sink.whenWritten();
    const source = open(record);
    if (!source) return sink.end();
    const ended = Promise.withResolvers<void>();
    const seen: string[] = [];
    const following = (async () => {
      for await (const entries of source.follow({ ...all, tail: 1 }, ended.promise))
        seen.push(...entries.map(({ log }) => log.trim()));
    })();
    const wanted = ["last", ...Array.from({ length: 20 }, (_, n) => `line ${n}`)];
    for (const [n, text] of wanted.entries()) {
      if (n > 0) sink.append("stdout", Buffer.from(`${text}\n`));
      await eventually(
        () => seen.length,
        (length) => length > n,
      );
    }
    await sink.end();
    ended.resolve();
    await following;
    assert.deepEqual(seen, wanted);
  });

  it(`stops following ${driver} when it comes to what is later than asked for`, async () => {
    const record = recordOf(driver);
    const sink = createLogSink(logOptionsOf(folderOf(record), record));
    const source = open(record);
    if (!source) return sink.end();
    const never = new Promise(() => {});
    const following = collect(source.follow({ ...all, until: Date.now() - 1000 }, never));
    sink.append("stdout", Buffer.from("too late\n"));
    assert.deepEqual(await following, []);
    await sink.end();
  });
}

it("follows from the tail also when an entry is being written in that moment", async () => {
  const path = join(folder, "half.log");
  const [first, second, third] = ["first", "second", "third"].map((log) => {
    return `${JSON.stringify({ log: `${log}\n`, stream: "stdout", time: "2026-01-01T00:00:00.000000000Z" })}\n`;
  });
  writeFileSync(path, `${first}${second!.slice(0, 20)}`);
  const ended = Promise.withResolvers<void>();
  const entries = openJsonFile(path).follow({ ...all, tail: 5 }, ended.promise);
  const seen: string[] = [];
  const following = (async () => {
    for await (const some of entries) seen.push(...some.map(({ log }) => log.trim()));
  })();
  await eventually(
    () => seen.length,
    (length) => length > 0,
  );
  appendFileSync(path, `${second!.slice(20)}${third}`);
  ended.resolve();
  await following;
  assert.deepEqual(seen, ["first", "second", "third"]);
});

it("gives a long tail piece by piece, and keeps none of it", async () => {
  const path = join(folder, "long.log");
  const line = (n: number) =>
    `${JSON.stringify({ log: `${n}\n`, stream: n % 3 === 0 ? "stderr" : "stdout", time: "2026-01-01T00:00:00.000000000Z" })}\n`;
  writeFileSync(`${path}.1`, Array.from({ length: 10_000 }, (_, n) => line(n)).join(""));
  const newest = Array.from({ length: 10_000 }, (_, n) => line(10_000 + n)).join("");
  writeFileSync(path, newest);
  for (const [tail, first] of [
    [1, 19_999],
    [9999, 10_001],
    [10_000, 10_000],
    [15_001, 4999],
    [50_000, 0],
  ] as const) {
    const seen: string[] = [];
    for await (const block of openJsonFile(path).read({ ...all, tail })) {
      assert.ok(block.length < 2000, `${block.length} at once`);
      seen.push(...block.map(({ log }) => log.trim()));
      // What is written while it is read does not belong to it.
      if (tail === 9999) appendFileSync(path, line(20_000));
    }
    writeFileSync(path, newest);
    assert.deepEqual(
      seen,
      Array.from({ length: 20_000 - first }, (_, n) => String(first + n)),
    );
  }
  const errors = await collect(openJsonFile(path).read({ ...all, stdout: false, tail: 4000 }));
  assert.deepEqual([errors.length, errors[0], errors.at(-1)], [4000, "8001", "19998"]);
});

describe("a log whose clock was set back while it was written", () => {
  const day = Date.parse("2026-01-02T00:00:00Z");
  const hour = 3_600_000;
  /** In blocks of entries, each block a second after the one before. @param blocks since the beginning of the day, in hours */
  async function writeLog(context: TestContext, blocks: [hours: number, lines: number][], runs = 1) {
    const record = recordOf("json-file", { "max-size": "400k", "max-file": "9" });
    mkdirSync(join(folder, record.id));
    context.mock.timers.enable({ apis: ["Date"], now: day });
    let number = 0;
    for (let run = 0; run < runs; run++) {
      const sink = createLogSink(logOptionsOf(join(folder, record.id), record));
      for (const [hours, lines] of blocks.slice(
        (run * blocks.length) / runs,
        ((run + 1) * blocks.length) / runs,
      ))
        for (let n = 0; n < lines; n++) {
          context.mock.timers.setTime(day + hours * hour + n * 1000);
          sink.append("stdout", Buffer.from(`${number++} ${"x".repeat(100)}\n`));
        }
      await sink.end();
      const path = logPathOf(join(folder, record.id), record);
      // As a file is that this clock has written.
      utimesSync(path, Date.now() / 1000, Date.now() / 1000);
    }
    context.mock.timers.reset();
    return findLogSource(join(folder, record.id), record)!;
  }
  const numbersOf = async (entries: AsyncGenerator<LogEntry[]>) =>
    (await collect(entries)).map((text) => Number(text.split(" ")[0]));
  const range = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n);

  it("gives all that is of the time asked for, with a tail and without, in one file and in several", async (context) => {
    const source = await writeLog(context, [
      ...[[8, 500] as [number, number], [10, 2000] as [number, number]],
      ...[[-6, 1500] as [number, number], [11, 1000] as [number, number]],
    ]);
    const since = day + 9 * hour;
    const wanted = [...range(500, 2500), ...range(4000, 5000)];
    assert.deepEqual(await numbersOf(source.read({ ...all, since })), wanted);
    assert.deepEqual(await numbersOf(source.read({ ...all, since, tail: 2000 })), wanted.slice(-2000));
    assert.deepEqual(
      await numbersOf(source.follow({ ...all, since, tail: 1100 }, Promise.resolve())),
      wanted.slice(-1100),
    );
    assert.deepEqual(await numbersOf(source.read({ ...all, since: day + 11 * hour })), range(4000, 5000));
  });

  it("does so too when that was between two runs", async (context) => {
    const source = await writeLog(
      context,
      [
        [10, 1000],
        [-6, 1000],
        [-5, 800],
        [11, 100],
      ],
      2,
    );
    const since = day + 9 * hour;
    assert.deepEqual(await numbersOf(source.read({ ...all, since })), [
      ...range(0, 1000),
      ...range(2800, 2900),
    ]);
    assert.deepEqual(await numbersOf(source.read({ ...all, since, tail: 150 })), [
      ...range(950, 1000),
      ...range(2800, 2900),
    ]);
  });

  it("is read from its beginning where that is wanted already, whoever wrote it", async () => {
    const path = join(folder, "strange.log");
    const line = (milliseconds: number, n: number) =>
      JSON.stringify({
        log: `${n} ${"x".repeat(100)}\n`,
        stream: "stdout",
        time: new Date(milliseconds).toISOString(),
      });
    const lines = [
      ...range(0, 1000).map((n) => line(day + 10 * hour + n, n)),
      ...range(1000, 3500).map((n) => line(day - 6 * hour + n, n)),
    ];
    writeFileSync(path, `${lines.join("\n")}\n`);
    assert.deepEqual(
      await numbersOf(openJsonFile(path).read({ ...all, since: day + 9 * hour })),
      range(0, 1000),
    );
  });
});
