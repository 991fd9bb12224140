import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { findExplanation } from "./compare.ts";
import { type Explanation, explanations } from "./explained.ts";
import { lines } from "./lines.ts";

describe("a difference that is explained", () => {
  it("is one of lines that are given, and of few", () => {
    for (const { about, line } of explanations) {
      const count = lines.filter((one) => line.test(one)).length;
      assert.ok(count > 0 && count <= 40, `${about}: ${count} lines`);
    }
  });

  it("is that difference alone, also where it covers many lines", () => {
    const said = (stderr: string, code = 1) => ({ code, stdout: "", stderr });
    for (const one of explanations) {
      const line = lines.find((text) => one.line.test(text)) ?? "";
      const find = (ours: string, theirs: string, code = 1) =>
        findExplanation([one], line, said(ours, 1), said(theirs, code));
      assert.equal(find("one thing", "another"), undefined, one.about);
      assert.equal(find("", "another"), undefined, one.about);
      if ("alike" in one) assert.equal(find("the same", "the same", 2), undefined, one.about);
    }
  });

  it("is found by what both say, and only for its lines", () => {
    const rows: Explanation[] = [
      { about: "a", line: /^a$/, reason: "r", alike: [[/\nmore$/, ""]] },
      { about: "b", line: /^b$/, reason: "r", ours: /^1\nno$/, theirs: /^0\nyes$/ },
    ];
    const find = (line: string, ours: [number, string], theirs: [number, string]) => {
      const [our, their] = [ours, theirs].map(([code, stdout]) => ({ code, stdout, stderr: "" }));
      return our && their && findExplanation(rows, line, our, their)?.about;
    };
    assert.equal(find("a", [1, "x"], [1, "x\nmore"]), "a");
    assert.equal(find("a", [1, "x"], [1, "y\nmore"]), undefined);
    assert.equal(find("a", [1, "x"], [2, "x\nmore"]), undefined);
    assert.equal(find("c", [1, "x"], [1, "x\nmore"]), undefined);
    assert.equal(find("b", [1, "no"], [0, "yes"]), "b");
    assert.equal(find("b", [1, "no"], [0, "yes, but"]), undefined);
  });
});
