import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { exporterAnnotationsOf } from "../../../src/cli/image/build-attestations.ts";

describe("annotations of a build", () => {
  it("are the manifest's where nothing is said, and else of what is named", () => {
    const given = [
      "org.example.key=value=1",
      "index:one=1",
      "manifest[linux/amd64],index:two=2",
      "manifest-descriptor:three=",
    ];
    assert.deepEqual(exporterAnnotationsOf(given), [
      ["annotation.org.example.key", "value=1"],
      ["annotation-index.one", "1"],
      ["annotation-manifest[linux/amd64].two", "2"],
      ["annotation-index.two", "2"],
      ["annotation-manifest-descriptor.three", ""],
    ]);
  });

  it("have a key and a value, however long", () => {
    const key = "a".repeat(10_000);
    assert.deepEqual(exporterAnnotationsOf([`${key}=1`]), [[`annotation.${key}`, "1"]]);
    for (const text of ["", "key", "=value"])
      assert.throws(() => exporterAnnotationsOf([text]), /expected \[TYPE:\]KEY=VALUE/, text);
  });
});
