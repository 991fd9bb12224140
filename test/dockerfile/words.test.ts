// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a Dockerfile has them
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expand, expandWord, expandWords } from "../../src/dockerfile/words.ts";

const variables = new Map([
  ["a", "one"],
  ["b", "a/b/c.tar.gz"],
  ["empty", ""],
  ["two", "x  y"],
  ["lines", "a\nb"],
  ["1", "digit"],
  ["ä", "umlaut"],
  ["star", "a*b"],
]);
const lookup = (name: string) => variables.get(name);
const bash = { escape: "\\" } as const;
const expanded = (word: string) => expandWord(word, lookup, bash);

/** As dockerd 28.5.2 expands them. */
const texts: [word: string, text: string][] = [
  ["plain", "plain"],
  ["$a ${a}s $as", "one ones "],
  ["\\$a '$a' \"$a\"", "$a $a one"],
  ['"\\$a \\n \\" \\\\ \'"', "$a \\n \" \\ '"],
  ["'\\n'", "\\n"],
  ["\\n\\'\\\"", "n'\""],
  ["a\\", "a"],
  ["$", "$"],
  ["$ $.", "$ $."],
  ["$1x ${1} $ä", "digitx digit umlaut"],
  ["$$a$@$*$#$?$-$!", "a"],
  ["${none}", ""],
  ["${a:-w}${empty:-w}${none:-w}", "oneww"],
  ["${a-w}${empty-w}${none-w}", "onew"],
  ["${a:+w}${empty:+w}${none:+w}", "w"],
  ["${a+w}${empty+w}${none+w}", "ww"],
  ["${a:?w}${a?w}${empty?w}", "oneone"],
  ["${none:-${none:-$a}}", "one"],
  ["${none:-'$a }' \"b\"}", "$a } b"],
  ["${none:-\\}}", "}"],
  ["${b#*/}", "b/c.tar.gz"],
  ["${b##*/}", "c.tar.gz"],
  ["${b%.*}", "a/b/c.tar"],
  ["${b%%.*}", "a/b/c"],
  ["${b#?/}", "b/c.tar.gz"],
  ["${b#x}${b%x}", "a/b/c.tar.gza/b/c.tar.gz"],
  ["${b/\\//_}", "a_b/c.tar.gz"],
  ["${b//\\//_}", "a_b_c.tar.gz"],
  ["${b//[a-c]/_}", "a/b/c.tar.gz"],
  ["${b//?/.}", "............"],
  ["${a//n/}", "oe"],
  ["${a//*/x}", "x"],
  ["${a//x/y}", "one"],
  ["${star#a\\*}", "b"],
  ["${star%\\*b}", "a"],
  ["${none/x/y}", ""],
  ["${lines//*/x}", "x\nx"],
  ["${lines##*}", "\nb"],
];

const refused: [word: string, message: string][] = [
  ["${b", "unsupported modifier (\ufffd) in substitution"],
  ["${b:", "syntax error: missing '}'"],
  ["${b:-", "syntax error: missing '}'"],
  ["${b^x}", "unsupported modifier (^) in substitution"],
  ["${}", "syntax error: bad substitution"],
  ["${{a}}", "syntax error: bad substitution"],
  ["${:a}", "syntax error: bad substitution"],
  ["${.}", "unsupported modifier (.) in substitution"],
  ["${", "syntax error: missing '}'"],
  ["'x", "unexpected end of statement while looking for matching single-quote"],
  ['"x', "unexpected end of statement while looking for matching double-quote"],
  ["${b/x}", "syntax error: missing '/' in $" + "{}"],
  ["${b/x/y", "syntax error: missing '}'"],
  ["${b#\\a}", "invalid pattern (\\a) in substitution: invalid escape '\\a'"],
  ["${b:x}", "unsupported modifier (:x) in substitution"],
  ["${none:?}", "none: is not allowed to be unset"],
  ["${none?}", "none: is not allowed to be unset"],
  ["${empty:?}", "empty: is not allowed to be empty"],
  ["${none:?say $a}", "none: say one"],
];

describe("a word", () => {
  it("loses its quotes and escapes, and has values for its variables", () => {
    for (const [word, text] of texts) assert.equal(expanded(word), text, word);
  });

  it("is refused in BuildKit's words", () => {
    for (const [word, message] of refused)
      assert.throws(() => expanded(word), {
        kind: "invalid",
        message: `failed to process ${JSON.stringify(word)}: ${message}`,
      });
  });

  it("may be several words, or none", () => {
    const words = (word: string) => expandWords(word, lookup, bash);
    assert.deepEqual(words("a  b\tc"), ["a", "b", "c"]);
    assert.deepEqual(words("$two '$two' \"$two\" a\\ b"), ["x", "y", "$two", "x  y", "a b"]);
    assert.deepEqual(words("q${two}q $empty '' \u00a0"), ["qx", "yq"]);
    assert.deepEqual(words(""), []);
  });

  it("escapes with what the Dockerfile says", () => {
    assert.equal(expandWord('`$a \\$a "`$a \\n"', lookup, { escape: "`" }), "$a \\one $a \\n");
  });

  it("keeps quotes, escapes or unset variables when asked to", () => {
    const keep = (word: string) =>
      expandWord(word, lookup, { ...bash, keepsQuotes: true, keepsEscapes: true, keepsUnset: true });
    for (const word of ["'a' \"b\"", "\\a", "$none ${none} ${none:-x} ${none//a/b}", "$$"])
      assert.equal(keep(word), word);
    assert.equal(expandWord("'$a'", lookup, { ...bash, ignoresQuotes: true }), "'one'");
  });

  it("tells which variables it used and which had no value", () => {
    const { used, unset } = expand("$a ${none:-$b} ${a+$nope}", lookup, bash);
    assert.deepEqual(
      [[...used], [...unset]],
      [
        ["a", "b"],
        ["none", "nope"],
      ],
    );
  });

  it("is bounded in depth, length and time", () => {
    const long = "x".repeat(1 << 16);
    assert.throws(() => expandWord("$a$a$a", () => long, bash), { kind: "invalid" });
    assert.throws(() => expandWord('"$a$a$a"', () => long, bash), { kind: "invalid" });
    const inContent = { ...bash, ignoresQuotes: true };
    assert.equal(expandWord("$a$a$a", () => long, inContent).length, 3 << 16);
    assert.throws(() => expandWord("$a".repeat(65), () => long, inContent), /longer than 4194304 characters/);
    assert.throws(() => expanded("${none:-".repeat(100_000)), { kind: "invalid" });
    // Comparisons are counted: this would be 10⁹ of them.
    const pattern = `${"?".repeat(30_000)}y`;
    assert.throws(() => expandWord(`\${a//*${pattern}/}`, () => long, bash), /too long to match/);
    assert.equal(
      expandWord("${a#*xy*y}", () => long, bash),
      long,
    );
    assert.equal(
      expandWord("${a//*y/}", () => long, bash),
      long,
    );
  });
});
