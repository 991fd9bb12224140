import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, it } from "node:test";
import { startProgram } from "../../src/sys/start-program.ts";

const source = (name: string) => JSON.stringify(new URL(`../../src/${name}`, import.meta.url).href);

describe("a program that cannot be started", () => {
  it("is an error that says why", async () => {
    await assert.rejects(startProgram("/no/such/program", [], { stdio: "pipe" }), { code: "ENOENT" });
  });

  it("is an error, and not the end of this process, also where no descriptor is left", () => {
    const script = `
      import { openSync, closeSync } from "node:fs";
      import { Readable } from "node:stream";
      import { runNft } from ${source("sys/nftables.ts")};
      import { decompress } from ${source("trees/decompress.ts")};
      const held = [];
      const fill = () => { try { for (;;) held.push(openSync("/dev/null")); } catch {} };
      const xz = Buffer.from("fd377a585a000004", "hex");
      fill();
      for (const attempt of [
        () => runNft("list ruleset"),
        async () => { for await (const _ of (await decompress(Readable.from([xz]))).output) {} },
      ]) await attempt().then(() => console.log("done"), (error) => console.log(error.code ?? error.message));
      held.splice(0).forEach(closeSync);
    `;
    const words = ["--input-type=module", "-e", script];
    const shell = 'ulimit -n 60 && exec "$0" "$@"';
    const { stdout, stderr } = spawnSync("sh", ["-c", shell, process.execPath, ...words], {
      encoding: "utf8",
    });
    assert.equal(stdout, "EMFILE\nEMFILE\n", stderr);
  });
});
