import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { duplexPair } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { test } from "node:test";
import { convertOutput } from "../../src/containers/exec/convert-output.ts";
import { joinStreams } from "../../src/containers/exec/join.ts";
import { encodeFrame, streams } from "../../src/formats/stdcopy.ts";

const options = { keys: undefined, onDetach: () => undefined };

test("a client has all of a process's output, and nothing of the two stays with a signal that outlives them", async () => {
  const gone = new AbortController();
  for (let run = 0; run < 5; run++) {
    const [connection, ofProcess] = duplexPair();
    const [client, ofClient] = duplexPair();
    const joined = joinStreams(connection, client, gone.signal, () => {}, options);
    ofProcess.end(`output ${run}`);
    ofClient.end();
    assert.equal(await textOf(ofClient), `output ${run}`);
    await joined;
  }
  assert.equal(getEventListeners(gone.signal, "abort").length, 0);
});

test("a client whose supervisor was lost is told that its output is incomplete", async () => {
  for (const text of ["lost", undefined]) {
    const [connection, ofProcess] = duplexPair();
    const [client, ofClient] = duplexPair();
    const joined = joinStreams(connection, client, new AbortController().signal, () => {}, {
      ...options,
      explainLoss: () => (text === undefined ? undefined : Buffer.from(text)),
    });
    ofProcess.end("some, ");
    ofClient.end();
    assert.equal(await textOf(ofClient), `some, ${text ?? ""}`);
    await joined;
  }
});

test("the process's end is closed when the client is gone, as it was or before it was joined", async () => {
  for (const isEarly of [false, true]) {
    const gone = new AbortController();
    const [connection] = duplexPair();
    if (isEarly) gone.abort();
    const joined = joinStreams(connection, duplexPair()[0], gone.signal, () => {}, options);
    gone.abort();
    await joined;
    assert.ok(connection.destroyed);
  }
});

test("a client whose output the supervisor could not keep gets its end, and the daemon goes on", async () => {
  const [connection, ofProcess] = duplexPair();
  const [client, ofClient] = duplexPair();
  const conversion = convertOutput(false, true);
  const joined = joinStreams(connection, client, new AbortController().signal, () => {}, {
    ...options,
    conversion,
  });
  ofProcess.write(encodeFrame(streams.stdout, Buffer.from("some")));
  ofProcess.write(encodeFrame(streams.systemError, Buffer.from("no space")));
  ofClient.end();
  assert.equal(await textOf(ofClient), "some");
  await joined;
  assert.ok(connection.destroyed);
});
