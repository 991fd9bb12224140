import assert from "node:assert/strict";
import { test } from "node:test";
import { bool, repeated, string } from "../../src/cli/flag.ts";
import { hintAtLongFlag, hintAtShortFlags, suggestWords } from "../../src/cli/suggest.ts";

const commands = ["images", "import", "inspect", "info", "ps", "pull", "push", "rm", "rmi", "run", "volume"];

test("a slip of the finger leads to what was meant, the nearest first", () => {
  assert.deepEqual(suggestWords("imges", commands), ["images"]);
  assert.deepEqual(suggestWords("iamges", commands), ["images"]);
  assert.deepEqual(suggestWords("vol", commands), ["volume"]);
  assert.deepEqual(suggestWords("rn", commands), ["rm", "run"]);
  assert.deepEqual(suggestWords("psuh", commands), ["push"]);
});

test("what is like nothing leads nowhere, however long it is", () => {
  for (const word of ["", "x", "nosuch", "images".repeat(100_000), "constructor", "__proto__"]) {
    assert.deepEqual(suggestWords(word, commands), []);
  }
});

const flags = {
  interactive: bool("i", ""),
  tty: bool("t", ""),
  publish: repeated("p", ""),
  name: string("", ""),
  ulimit: repeated("", ""),
  ipc: string("", ""),
  secret: { ...string("", ""), isHidden: true },
};

test("a flag is found by its dashes, its letters, and what it is for the daemon", () => {
  assert.equal(hintAtLongFlag(flags, "it"), "\n\nDid you mean this?\n\t-it");
  assert.equal(hintAtLongFlag(flags, "publsh"), "\n\nDid you mean this?\n\t--publish");
  const daemon = "\n\n--default-ulimit is a flag of the daemon. Did you mean --ulimit?";
  assert.equal(hintAtLongFlag(flags, "default-ulimit"), daemon);
  assert.match(hintAtLongFlag(flags, "default-ipc-mode"), /Did you mean --ipc\?$/);
  assert.equal(hintAtShortFlags(flags, "-name=x"), "\n\nDid you mean this?\n\t--name");
});

test("a flag that is like none, or hidden, is not hinted at", () => {
  for (const name of ["", "default-", "default-nosuch", "nosuch", "secre", "constructor", "toString"]) {
    assert.equal(hintAtLongFlag(flags, name), "");
  }
  for (const word of ["-x", "-xyz", "-constructor", "-"]) assert.equal(hintAtShortFlags(flags, word), "");
});
