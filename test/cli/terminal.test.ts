import assert from "node:assert/strict";
import { Duplex, PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import type { Cli } from "../../src/cli/cli.ts";
import { runSession } from "../../src/cli/terminal.ts";

test("a session of input alone ends when all of it has gone", async () => {
  const chunks = Array.from({ length: 50 }, (_, index) => Buffer.from(`line ${index}\n`));
  const said: Buffer[] = [];
  let isClosed = false;
  const socket = new Duplex({
    read() {},
    // It takes its time, as one does whose buffer is full.
    write(chunk, _encoding, done) {
      setImmediate(() => {
        said.push(chunk);
        done();
      });
    },
    final(done) {
      isClosed = true;
      done();
    },
  });
  const cli = { stdin: Readable.from(chunks), stdout: new PassThrough(), stderr: new PassThrough() };
  const how = await runSession(cli as unknown as Cli, {
    ...{ connection: { socket, isRaw: true }, isTty: false, detachKeys: "" },
    ...{ hasStdin: true, hasOutput: false },
  });
  assert.equal(how, "ended");
  assert.equal(Buffer.concat(said).toString(), Buffer.concat(chunks).toString());
  assert.ok(isClosed);
});
