import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseAnsi, plainText } from "../../../ui/logs/ansi.ts";

describe("colours of terminals in a log", () => {
  it("are spans with classes", () => {
    assert.deepEqual(parseAnsi("a\x1b[31mred\x1b[1mbold\x1b[0mplain"), [
      { text: "a", look: "" },
      { text: "red", look: "a1" },
      { text: "bold", look: "a1 bold" },
      { text: "plain", look: "" },
    ]);
    assert.deepEqual(parseAnsi("\x1b[38;5;208mx\x1b[38;2;1;2;3my\x1b[39mz"), [
      { text: "x", look: "", colour: "rgb(255 135 0)" },
      { text: "y", look: "", colour: "rgb(1 2 3)" },
      { text: "z", look: "" },
    ]);
    assert.deepEqual(parseAnsi("\x1b[94;44mx\x1b[49my"), [
      { text: "x", look: "a12 b4" },
      { text: "y", look: "a12" },
    ]);
  });

  it("leave nothing else that steers a terminal", () => {
    const hostile =
      "\x1b[2J\x1b[10;10Ha\x1b]0;title\x07b\x1b]8;;http://evil/\x1b\\c\x1bcd\x07\x00e\x1b[?1049hf\x9b";
    assert.equal(plainText(hostile), "abcdef\x9b");
    assert.equal(
      parseAnsi(hostile)
        .map(({ text }) => text)
        .join(""),
      "abcdef\x9b",
    );
  });

  it("are bounded, however many there are, and read in time that is linear", () => {
    const flood = "\x1b[31mx\x1b[32my".repeat(50_000);
    const spans = parseAnsi(flood);
    assert.ok(spans.length <= 2001);
    assert.equal(spans.map(({ text }) => text).join("").length, 100_000);
    assert.equal(plainText(`\x1b[${"1;".repeat(500_000)}`), "");
    assert.equal(plainText("\x1b]".repeat(200_000)), "");
    assert.deepEqual(parseAnsi("\x1b[38;2;999;;mx"), [{ text: "x", look: "", colour: "rgb(255 0 0)" }]);
  });
});
