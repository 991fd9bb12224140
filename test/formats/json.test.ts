import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJson } from "../../src/formats/json.ts";

const megabytes4 = 4 << 20;
const many = (count: number, one: (at: number) => string) =>
  Array.from({ length: count }, (_, at) => one(at));

test("big documents that people have are read", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const platform = { architecture: "amd64", os: "linux" };
  const manifests = many(600, () => "").map(() => ({ mediaType: "x", digest, size: 1, platform }));
  const history = many(500, (at) => `step ${at}`).map((text) => ({ created: text, created_by: text }));
  const sbom = JSON.stringify(many(20_000, (at) => `package ${at}: "quoted" \\ and [{more}]`));
  for (const document of [
    { manifests },
    { tags: many(40_000, (at) => `v${at}`) },
    { history, config: { Labels: { sbom }, Env: many(500, (at) => `A${at}=b`) } },
    { text: "a".repeat(megabytes4), other: 'é\\"'.repeat(100_000) },
  ]) {
    for (const indent of [0, 2]) {
      const text = JSON.stringify(document, undefined, indent);
      assert.deepEqual(parseJson(text, "document"), document);
    }
  }
});

test("a list of tags may be longer", () => {
  const text = JSON.stringify({ tags: many(180_000, (at) => `v${at}`) });
  assert.throws(() => parseJson(text, "list"), /too many values/);
  assert.equal((parseJson(text, "list", 3).tags as string[]).length, 180_000);
});

test("what would take the parser long is refused before", () => {
  for (const text of [
    `{"a":${'{"b":'.repeat(100_000)}`,
    `{"layers":[${many(20_000, (at) => `{"k${at}":1}`)}]}`,
    `{${many(100_000, (at) => `"k${at}":${at}`)}}`,
    `{"a":[${"0,".repeat(megabytes4 / 2)}0]}`,
    `{"a":[${'"",'.repeat(megabytes4 / 3)}""]}`,
    `{"a":${"[".repeat(1000)}${"]".repeat(1000)}}`,
    `{"a":"${'\\"'.repeat(megabytes4 / 2)}"}`,
    `{"a":${"1".repeat(megabytes4)}}`,
    `{${" ".repeat(megabytes4)}}`,
  ]) {
    assert.throws(() => parseJson(text, "document"), {
      kind: "invalid",
      message: "invalid document: too many values, or nested too deep",
    });
  }
});

test("strings hide nothing, however they end", () => {
  for (const [text, value] of [
    ['{"a":"\\\\"}', { a: "\\" }],
    ['{"a":"\\\\\\"{[","b":1}', { a: '\\"{[', b: 1 }],
    ['{"\\"":"]"}', { '"': "]" }],
  ] as const)
    assert.deepEqual(parseJson(text, "document"), value);
  // After a string that ends in a backslash the brackets count.
  const deep = `{"a\\\\":${"[".repeat(1000)}${"]".repeat(1000)}}`;
  assert.throws(() => parseJson(deep, "document"), /nested too deep/);
  for (const text of ['{"a', '{"a\\"', "", "[]", "null", "{]}", '"\\'])
    assert.throws(() => parseJson(text, "document"), { kind: "invalid", message: /^invalid document: / });
});
