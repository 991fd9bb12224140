import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { compileIgnorePatterns, parseIgnoreFile } from "../../src/formats/ignore-patterns.ts";

const paths = [
  "Dockerfile",
  "a",
  "a.go",
  "b.md",
  "d",
  "d/a",
  "d/a.go",
  "d/b.md",
  "d/e",
  "d/e/a",
  "d/e/a.go",
  "d/e/f.md",
  "de",
  "de/a",
  "x y",
  "[z]",
  "é",
];

/** What a walk keeps, with directories that are left out but not passed over. */
function kept(text: string): string[] {
  const patterns = compileIgnorePatterns(parseIgnoreFile(text));
  return paths.filter((path) => !patterns.isIgnored(path));
}

/** As `COPY . /` has it with dockerd 28.5.2: what is left out. */
const ignored: [file: string, ...missing: string[]][] = [
  [""],
  ["# a\n\n"],
  ["a", "a"],
  ["\ufeffa\r\n", "a"],
  ["  ./a/../a/  ", "a"],
  ["/a", "a"],
  ["d", "d", "d/a", "d/a.go", "d/b.md", "d/e", "d/e/a", "d/e/a.go", "d/e/f.md"],
  ["d/*", "d/a", "d/a.go", "d/b.md", "d/e", "d/e/a", "d/e/a.go", "d/e/f.md"],
  ["d/**", "d/a", "d/a.go", "d/b.md", "d/e", "d/e/a", "d/e/a.go", "d/e/f.md"],
  ["*.go", "a.go"],
  ["*/*.go", "d/a.go"],
  ["**/*.go", "a.go", "d/a.go", "d/e/a.go"],
  ["**.go", "a.go", "d/a.go", "d/e/a.go"],
  ["**/a", "a", "d/a", "d/e/a", "de/a"],
  ["**a", "a", "d/a", "d/e/a", "de/a"],
  ["d**", "d", "d/a", "d/a.go", "d/b.md", "d/e", "d/e/a", "d/e/a.go", "d/e/f.md", "de", "de/a"],
  ["d/**/*.go", "d/a.go", "d/e/a.go"],
  ["**/e/**", "d/e/a", "d/e/a.go", "d/e/f.md"],
  ["d?", "de", "de/a"],
  ["[a-b].*", "a.go", "b.md"],
  ["[^a].md", "b.md"],
  ["\\[z\\]", "[z]"],
  ["[[]z]", "[z]"],
  ["x y", "x y"],
  ["?", "a", "d", "d/a", "d/a.go", "d/b.md", "d/e", "d/e/a", "d/e/a.go", "d/e/f.md", "é"],
  ["**/*.md\n!b.md", "d/b.md", "d/e/f.md"],
  ["*.md\n!*.md\nb*", "b.md"],
  ["!a\na", "a"],
  ["d\n!d/a.go", "d/a", "d/b.md", "d/e", "d/e/a", "d/e/a.go", "d/e/f.md"],
  ["d\n!d/e", "d/a", "d/a.go", "d/b.md"],
  ["d\n! d/e/*.md", "d/a", "d/a.go", "d/b.md", "d/e/a", "d/e/a.go"],
  ["d\n!**/*.md", "d/a", "d/a.go", "d/e/a", "d/e/a.go"],
  ["**\n!d/**", "Dockerfile", "a", "a.go", "b.md", "de", "de/a", "x y", "[z]", "é"],
  // The exception is not asked about the directory, since nothing had left it out.
  ["d/a\n!d", "d/a"],
];

describe("ignore patterns", () => {
  it("leave out what they fit, and put it in again behind an exclamation mark", () => {
    for (const [file, ...missing] of ignored) {
      // A directory that something is in is there in the end, whatever the patterns say of it.
      const isThere = (path: string, all: string[]) =>
        all.some((one) => one === path || one.startsWith(`${path}/`));
      const there = kept(file);
      assert.deepEqual(
        paths.filter((path) => !isThere(path, there)),
        missing.filter((path) => !isThere(path, there)),
        file,
      );
      for (const path of missing)
        assert.ok(!there.includes(path) || isThere(path, there), `${file}: ${path}`);
    }
  });

  it("say which directories need no walk", () => {
    const may = (file: string, directory: string) =>
      compileIgnorePatterns(parseIgnoreFile(file)).mayHoldException(directory);
    assert.equal(may("d", "d"), false);
    assert.equal(may("d\n!d/e/a", "d"), true);
    assert.equal(may("d\n!d/e/a", "d/e"), true);
    assert.equal(may("d\n!d/e/a", "d/x"), false);
    assert.equal(may("d\n!d/e/a", "de"), false);
    assert.equal(may("d\n!d", "d/e"), true);
    assert.equal(may("**\n!**/*.go", "d/e"), true);
    assert.equal(may("d\n!d/*.go", "d"), true);
    assert.equal(may("d\n!d/*.go", "d/e"), false);
    assert.equal(may("d\n!x/**", "d"), false);
    assert.equal(may("d\n!**a", "d"), true);
  });

  it("are refused when malformed", () => {
    for (const pattern of ["[", "[a", "[]", "[a-", "\\", "a[^", "!["])
      assert.throws(() => compileIgnorePatterns([pattern]), {
        kind: "invalid",
        message: "syntax error in pattern",
      });
    assert.throws(() => compileIgnorePatterns(["!"]), { message: 'illegal exclusion pattern: "!"' });
    assert.deepEqual(parseIgnoreFile("!\n/\n!/a\n .\n #a"), ["!", "/", "!a", ".", "#a"]);
  });

  it("take no time to speak of, whatever they are", () => {
    const patterns = compileIgnorePatterns([
      `${"*a".repeat(100)}b`,
      `${"**/".repeat(100)}b`,
      "[^b]*".repeat(50),
    ]);
    assert.equal(patterns.isIgnored("a".repeat(4000)), true);
    assert.equal(patterns.isIgnored(`b${"a/".repeat(2000)}`), false);
  });
});
