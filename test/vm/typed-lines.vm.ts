import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, it } from "node:test";
import { makeBaseImages, readTypedLines, typeAll, typeSetUp } from "../guides/typed-lines.ts";
import { sh } from "./neighbour.ts";

const launcher = join(import.meta.dirname, "../../berth");
const folder = mkdtempSync(join(tmpdir(), "typed-"));
/** Under emulation everything takes its time. */
const patienceMinutes = 10;

before(() => {
  sh(`${launcher} system install --as-docker`);
  typeSetUp(makeBaseImages, folder);
});
after(() => {
  sh("docker ps -aq | xargs -r docker rm -f");
  sh(`${launcher} system install --uninstall`);
  rmSync(folder, { recursive: true });
});

it("the command lines that guides have for Docker's service work as they are typed", async () => {
  const wrong = await typeAll(readTypedLines("service"), join(folder, "typed"), patienceMinutes);
  assert.equal(wrong.join("\n\n"), "");
});
