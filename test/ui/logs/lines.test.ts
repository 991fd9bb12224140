import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { foldFields, parseFieldFilter, parseFields } from "../../../ui/logs/fields.ts";
import { createFrameReader } from "../../../ui/logs/frames.ts";
import { plainHeights, wrappedHeights } from "../../../ui/logs/heights.ts";
import { createLineStore, mostLines } from "../../../ui/logs/line-store.ts";
import { createSelecting, selectLines, testOf } from "../../../ui/logs/selection.ts";

const frame = (stream: number, text: string) => {
  const payload = Buffer.from(text);
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(payload.length, 4);
  return Buffer.concat([header, payload]);
};

describe("what comes of a log", () => {
  it("is taken out of its frames, in whatever pieces they come", () => {
    const whole = Buffer.concat([frame(1, "one\n"), frame(2, "two\n"), frame(1, ""), frame(1, "ü\n")]);
    for (const size of [1, 3, 8, 1000]) {
      const seen: string[] = [];
      const read = createFrameReader((stream, bytes) =>
        seen.push(`${stream} ${Buffer.from(bytes).toString("latin1")}`),
      );
      for (let at = 0; at < whole.length; at += size) read(whole.subarray(at, at + size));
      assert.deepEqual(seen, [
        "stdout one\n",
        "stderr two\n",
        "stdout ",
        `stdout ${Buffer.from("ü\n").toString("latin1")}`,
      ]);
    }
  });

  it("is kept to a number of lines and a length each", () => {
    const store = createLineStore();
    for (let line = 0; line < mostLines + 5; line++) store.add(0, "stdout", "", `line ${line}`);
    assert.ok(store.lines.length <= mostLines);
    assert.equal(store.lines.length + store.dropped, mostLines + 5);
    assert.equal(store.lines.at(-1)?.text, `line ${mostLines + 4}`);
    store.add(0, "stdout", "", "x".repeat(3_000_000));
    assert.match(store.lines.at(-1)?.text ?? "", /^x{10000}… \+2990000$/);
    for (let line = 0; line < 20_000; line++) store.add(0, "stdout", "", "y".repeat(9000));
    const kept = store.lines.reduce((sum, { text }) => sum + text.length, 0);
    assert.ok(kept < 70e6, String(kept));
  });

  it("has lines of known height", () => {
    const store = createLineStore();
    for (const text of ["short", "x".repeat(25), "\x1b[31mred\x1b[0m", "汉字".repeat(5), ""])
      store.add(0, "stdout", "", text);
    assert.deepEqual(
      store.lines.map(({ width }) => width),
      [5, 25, 3, 20, 0],
    );
    const heights = wrappedHeights(store.lines, 10, 0);
    assert.equal(heights.rows, 1 + 3 + 1 + 2 + 1);
    assert.deepEqual([0, 1, 3, 4, 5, 6, 7].map(heights.lineAt), [0, 1, 1, 2, 3, 3, 4]);
    assert.equal(heights.topOf(3), 5);
    assert.equal(plainHeights(0).lineAt(5), 0);
  });

  it("is searched and filtered", async () => {
    const store = createLineStore();
    for (const text of ["GET /a 200", "\x1b[31mget\x1b[0m /b 500", '{"status":500,"path":"/c"}', "(a.b)*"])
      store.add(0, "stdout", "", text);
    const select = (query: object) =>
      new Promise<{ texts: string[]; matches: readonly number[] }>((resolve) => {
        const test = testOf({ search: "", isOnlyMatches: false, fields: "", ...query });
        selectLines(store.lines, test, ({ lines, matches }) =>
          resolve({ texts: lines.map(({ text }) => text), matches }),
        );
      });
    assert.deepEqual((await select({ search: "get" })).matches, [0, 1]);
    assert.deepEqual((await select({ search: "get /b", isOnlyMatches: true })).texts, [
      "\x1b[31mget\x1b[0m /b 500",
    ]);
    assert.deepEqual((await select({ search: "(a.b)*" })).matches, [3]);
    assert.deepEqual((await select({ fields: "status>=500" })).texts, ['{"status":500,"path":"/c"}']);
    assert.equal((await select({ fields: "status>=" })).texts.length, 0);
  });
});

it("a long log whose lines keep coming is shown: a pass ends before the next begins", async () => {
  const store = createLineStore();
  for (let line = 0; line < 50_000; line++) store.add(0, "stdout", "", `line ${line}`);
  const test = testOf({ search: "line", isOnlyMatches: true, fields: "" });
  const found: number[] = [];
  const selecting = createSelecting(({ lines }) => found.push(lines.length));
  // As the page asks that draws while lines come, only more often than any pass takes.
  for (let turn = 0; turn < 1000 && found.length < 2; turn++) {
    store.add(0, "stdout", "", "line");
    selecting.select(() => store.lines, test);
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.ok((found[0] ?? 0) > 50_000, String(found));
  assert.ok((found[1] ?? 0) > (found[0] ?? 0), String(found));
  selecting.select(() => [], testOf({ search: "", isOnlyMatches: false, fields: "" }));
  assert.equal(found.at(-1), 0, "another test is not waited for");
  selecting.stop();
});

it("a pass that fails is not waited for: the next one begins", (test) => {
  test.mock.timers.enable({ apis: ["setTimeout"] });
  const store = createLineStore();
  for (let line = 0; line < 10_000; line++) store.add(0, "stdout", "", `line ${line}`);
  const found: number[] = [];
  const selecting = createSelecting(({ lines }) => found.push(lines.length));
  let failing = "line 5";
  const lineTest = {
    ...testOf({ search: "", isOnlyMatches: false, fields: "" }),
    isShown({ text }: { text: string }) {
      if (text === failing) throw new Error(text);
      return true;
    },
  };
  assert.throws(() => selecting.select(() => store.lines, lineTest), /line 5/);
  failing = "line 9000";
  selecting.select(() => store.lines, lineTest);
  assert.throws(() => test.mock.timers.runAll(), /line 9000/);
  failing = "";
  selecting.select(() => store.lines, lineTest);
  test.mock.timers.runAll();
  assert.deepEqual(found, [10_000]);
});

describe("fields of JSON lines", () => {
  const holds = (filter: string, line: object) => parseFieldFilter(filter)?.({ ...line });

  it("are compared as numbers, as levels, and as text", () => {
    assert.equal(holds("level>=400", { level: 500 }), true);
    assert.equal(holds("level>=400", { level: "200" }), false);
    assert.equal(holds("level>=warn", { level: "ERROR" }), true);
    assert.equal(holds("level>=warn", { level: "info" }), false);
    assert.equal(holds("level=warning", { level: "warn" }), true);
    assert.equal(holds("msg~time status!=200", { msg: "a Timeout", status: 500 }), true);
    assert.equal(holds("http.status=500", { http: { status: 500 } }), true);
    assert.equal(holds("http.status=500", { "http.status": 500 }), true);
    assert.equal(holds("absent>1", {}), false);
    assert.equal(holds("absent!=1", {}), true);
    for (const level of ["warn", "WARNING", "warning"]) {
      assert.equal(holds("level=warning", { level }), true, level);
      assert.equal(holds("level!=warning", { level }), false, level);
    }
    assert.equal(holds("level!=warning", { level: "error" }), true);
    assert.equal(holds("constructor=x", {}), false);
    assert.equal(holds("__proto__.toString~native", {}), false);
  });

  it("are read only from what is an object", () => {
    for (const line of ["", "{", "[1]", "null", "text {}", '"{}"', "{1}"])
      assert.equal(parseFields(line), undefined, line);
    assert.deepEqual(parseFields(' {"a":1}'), { a: 1 });
    for (const filter of ["level", "level>=400 x", "=5", "a b=1"])
      assert.equal(parseFieldFilter(filter), undefined, filter);
  });

  it("are read of a line that is nested too deep to be written, as it is for some browsers", (test) => {
    test.mock.method(JSON, "stringify", () => {
      throw new RangeError("Maximum call stack size exceeded");
    });
    const fields = parseFields(`{"msg":"deep","in":${"[".repeat(50_000)}${"]".repeat(50_000)}}`);
    assert.ok(fields);
    assert.deepEqual(foldFields(fields), { level: "", message: "deep", rest: "in=[…]" });
    assert.equal(holds("in~x", fields), false);
    assert.equal(holds("msg=deep in!=x", fields), true);
  });

  it("are folded to one line", () => {
    const line = { time: "t", level: "info", msg: "hello", status: 200, nested: { a: [1] } };
    assert.deepEqual(foldFields(line), {
      level: "info",
      message: "hello",
      rest: 'status=200 nested={"a":[1]}',
    });
  });
});
