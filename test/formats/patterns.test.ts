import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileGlob } from "../../src/formats/glob.ts";
import { compileNamePattern } from "../../src/formats/name-pattern.ts";

describe("shell patterns", () => {
  it("match as Go's path.Match does", () => {
    const rows: [pattern: string, text: string, isMatch: boolean][] = [
      ["abc", "abc", true],
      ["*", "abc", true],
      ["*c", "abc", true],
      ["a*", "a", true],
      ["a*", "ab/c", false],
      ["a*/b", "abc/b", true],
      ["a*/b", "a/c/b", false],
      ["a*b*c*d*e*/f", "axbxcxdxe/f", true],
      ["a*b*c*d*e*/f", "axbxcxdxexxx/fff", false],
      ["a*b?c*x", "abxbbxdbxebxczzx", true],
      ["a*b?c*x", "abxbbxdbxebxczzy", false],
      ["ab[c]", "abc", true],
      ["ab[b-d]", "abc", true],
      ["ab[^c]", "abc", false],
      ["ab[^e-g]", "abc", true],
      ["a\\*b", "a*b", true],
      ["a\\*b", "ab", false],
      ["a?b", "a☺b", true],
      ["a[^a]b", "a☺b", true],
      ["a?b", "a/b", false],
      ["a[^b]b", "a/b", false],
      ["[\\]a]", "]", true],
      ["[x\\-]", "-", true],
      ["*x", "xxx", true],
      ["", "", true],
      ["", "x", false],
    ];
    for (const [pattern, text, isMatch] of rows)
      assert.equal(compileGlob(pattern)(text), isMatch, `${pattern} ${text}`);
  });

  it("are refused when malformed", () => {
    for (const pattern of ["[", "[]a]", "[-]", "[x-]", "[-x]", "a[", "[a-b-c]", "\\", "[^", "[^bc"])
      assert.throws(() => compileGlob(pattern), /^EngineError: syntax error in pattern$/, pattern);
  });

  it("take no time to speak of however many stars there are", () => {
    const test = compileGlob("*a".repeat(5000));
    assert.equal(test(`${"a".repeat(4999)}b`), false);
  });
});

describe("name patterns", () => {
  it("are Go's regular expressions, matching anywhere", () => {
    const matches = (pattern: string, name: string) => compileNamePattern(pattern)(name);
    assert.equal(matches("we", "web"), true);
    assert.equal(matches("^/?web-[0-9]{4}$", "/web-2024"), true);
    assert.equal(matches("^(?i:WEB)$", "web"), true);
    assert.equal(matches("a|b", "xbx"), true);
    assert.equal(matches("a.c", "a.c"), true);
    assert.equal(matches("\\d", "one"), false);
  });

  it("match nothing when they are none", () => {
    for (const text of ["(", "[", "(?=x)", "a**", "\\1"])
      assert.equal(compileNamePattern(text)(text), false, text);
  });

  it("cannot backtrack, nor be large", () => {
    assert.equal(compileNamePattern("^/?(a+)+$")(`${"a".repeat(250)}!`), false);
    assert.equal(compileNamePattern("(.*)*(.*)*(.*)*x$")("a".repeat(250)), false);
    const large = ["x{2,1000}".repeat(20), "(a{60}){60}", `(${"a|".repeat(5000)})`, "[a-z]{5000}"];
    for (const text of large) assert.throws(() => compileNamePattern(text), /expression is too large/);
  });
});
