import assert from "node:assert/strict";
import { test } from "node:test";
import { indentJson } from "../../src/formats/json-indent.ts";
import { formatColumns } from "../../src/formats/table.ts";

test("columns are as wide as their widest cell and three, and at least ten", () => {
  const text = "IMAGE\tNAMES\nbusybox\tx\nregistry.local:5000/app\ty";
  assert.equal(
    formatColumns(text),
    "IMAGE                     NAMES\nbusybox                   x\nregistry.local:5000/app   y",
  );
  assert.equal(formatColumns("A\tB\n1\t2"), "A         B\n1         2");
});

test("a line without a column ends it: what follows is laid out anew", () => {
  assert.equal(formatColumns("aaaaaaaaaaaaaa\tb\nplain\nc\td"), "aaaaaaaaaaaaaa   b\nplain\nc         d");
});

test("characters are counted, not bytes", () => {
  assert.equal(formatColumns("é…😀ééééé\tx\ny\tz"), "é…😀ééééé   x\ny          z");
});

test("indenting keeps numbers and strings as they were sent", () => {
  const text = '[{"n":9223372036854771712,"s":"a\\u003cb: {,}","e":[],"o":{},"d":[1,{"x":null}]}]';
  assert.equal(
    indentJson(text, "  "),
    `[
  {
    "n": 9223372036854771712,
    "s": "a\\u003cb: {,}",
    "e": [],
    "o": {},
    "d": [
      1,
      {
        "x": null
      }
    ]
  }
]`,
  );
  assert.equal(indentJson("[]", "    "), "[]");
});
