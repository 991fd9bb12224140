import assert from "node:assert/strict";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import type { BuildRooms } from "../../src/build/rooms.ts";
import { attachOutput } from "../../src/build/solve/attach-output.ts";
import { encodeFrame, streams } from "../../src/formats/stdcopy.ts";

async function arrange() {
  const [connection, ofProcess] = duplexPair();
  const supervisor = () => ({ attach: async () => connection });
  const got: string[] = [];
  const output = await attachOutput({ supervisor } as unknown as BuildRooms, "x", (stream, data) =>
    got.push(`${stream} ${data}`),
  );
  return { connection, ofProcess, got, output };
}

test("a command's output is passed on to its end", async () => {
  const { ofProcess, got, output } = await arrange();
  ofProcess.write(encodeFrame(streams.stdout, Buffer.from("out")));
  ofProcess.end(encodeFrame(streams.stderr, Buffer.from("err")));
  await output.ended;
  assert.deepEqual(got, ["stdout out", "stderr err"]);
});

test("a command fails whose output the supervisor could not keep, and the daemon goes on", async () => {
  const { connection, ofProcess, got, output } = await arrange();
  ofProcess.write(encodeFrame(streams.stdout, Buffer.from("out")));
  ofProcess.write(encodeFrame(streams.systemError, Buffer.from("no space left")));
  await assert.rejects(output.ended, {
    message: "the command's output was lost: error from daemon in stream: no space left",
  });
  assert.deepEqual(got, ["stdout out"]);
  assert.ok(connection.destroyed);
});
