import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { it } from "node:test";
import { ApiRequest, rawStream } from "../../src/api/request.ts";
import { createApiServer } from "../../src/api/server.ts";
import { waitForBody } from "../../src/api/wait-for-body.ts";
import type { OpenEngine } from "../../src/engine/engine.ts";

const head = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
const end = "0\r\n\r\n";

for (const reads of [true, false]) {
  it(`a raw stream ends for a client that still sends its input in chunks, ${reads ? "which is read" : "which no one reads"}`, async () => {
    const server = createApiServer();
    const closed = new Promise<boolean>((resolve) => {
      server.on("request", (input, output) => {
        waitForBody(input, output);
        const basics = { engine: {} as OpenEngine, params: {}, query: new URLSearchParams(), version: 48 };
        const { signal } = new AbortController();
        const stream = new ApiRequest({ ...basics, input, output, signal }).hijack(rawStream);
        input.socket.once("close", () => resolve(input.complete));
        if (reads) stream.once("data", () => stream.end("over"));
        else stream.end("over");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
    client.setEncoding("latin1").write(`${head}2\r\nhi\r\n`);
    let answer = "";
    client.on("data", (text: string) => {
      answer += text;
      // It has nothing more to say once it knows.
      if (answer.endsWith(end)) client.write(end);
    });
    await once(client, "end");
    assert.match(
      answer,
      /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*Connection: close\r\n(?:.*\r\n)*\r\n4\r\nover\r\n0\r\n\r\n$/,
    );
    assert.ok(await closed, "the connection was closed before all of the input had come");
    server.close();
  });
}
