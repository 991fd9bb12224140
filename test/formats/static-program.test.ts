import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { isStaticProgram } from "../../src/formats/static-program.ts";

test("a program that names a loader, and what is no program, do not run where they are alone", () => {
  const header = Buffer.from("\x7fELF\x02\x01\x01\0\0\0\0", "latin1");
  assert.equal(isStaticProgram(header), true);
  assert.equal(isStaticProgram(Buffer.concat([header, Buffer.from("/lib64/ld-linux-x86-64.so.2\0")])), false);
  assert.equal(isStaticProgram(readFileSync(process.execPath)), false);
  for (const text of ["", "\x7fEL", "#!/bin/sh\n"]) assert.equal(isStaticProgram(Buffer.from(text)), false);
});
