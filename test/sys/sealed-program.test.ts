import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { sealProgram } from "../../src/sys/sealed-program.ts";

describe("a sealed program", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "berth-sealed-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  it("has the program's content, cannot be written to, and is made once", () => {
    const sealed = sealProgram("true");
    assert.match(sealed, /^\/proc\/self\/fd\/\d+$/);
    assert.deepEqual(readFileSync(sealed), readFileSync("/usr/bin/true"));
    assert.throws(() => writeFileSync(sealed, "x"), { code: "EPERM" });
    assert.equal(sealProgram("true"), sealed);
  });

  it("is made again when the program was replaced", () => {
    const program = join(folder, "program");
    copyFileSync("/usr/bin/true", program);
    assert.deepEqual(readFileSync(sealProgram(program)), readFileSync("/usr/bin/true"));
    copyFileSync("/usr/bin/false", program);
    assert.deepEqual(readFileSync(sealProgram(program)), readFileSync("/usr/bin/false"));
  });

  it("is not made of a script, nor of what is not there", () => {
    const script = join(folder, "script");
    writeFileSync(script, "#!/bin/sh\n", { mode: 0o755 });
    assert.equal(sealProgram(script), script);
    assert.equal(sealProgram("no-such-runtime"), "no-such-runtime");
  });
});
