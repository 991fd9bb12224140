import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, it } from "node:test";
import { openS3Storage } from "../../src/registry/s3-storage.ts";
import { readContent, type Storage } from "../../src/registry/storage.ts";
import { makeBucket } from "./storages.ts";

let bucket: Awaited<ReturnType<typeof makeBucket>>;
let front: Server;
let storage: Storage;
let conditions: "known" | "unknown";
let answersToLose: number;
let refused: number;

/**
 * Before the service stands a server that knows `If-None-Match: *` of a PUT, as Amazon's S3 does and fauxqs does not; or refuses it, as
 * others do; or loses an answer.
 */
beforeEach(async () => {
  bucket = await makeBucket();
  conditions = "known";
  answersToLose = 0;
  refused = 0;
  const target = new URL(bucket.config.endpoint ?? "");
  const stored = new Set<string>();
  front = createServer(async (input, output) => {
    const { method, url = "", headers } = input;
    const body: Buffer[] = [];
    for await (const part of input) body.push(part);
    const isConditional = headers["if-none-match"] === "*";
    if (isConditional && (conditions === "unknown" || stored.has(url))) {
      refused++;
      const [status, code] = conditions === "unknown" ? [501, "NotImplemented"] : [412, "PreconditionFailed"];
      output.writeHead(status as number).end(`<Error><Code>${code}</Code><Message>no</Message></Error>`);
      return;
    }
    const call = request(
      { host: target.hostname, port: target.port, method, path: url, headers },
      (answer) => {
        if (method === "PUT") stored.add(url);
        if (isConditional && answersToLose-- > 0) {
          answer.resume();
          output.destroy();
          return;
        }
        output.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(output);
      },
    );
    call.end(Buffer.concat(body));
  });
  await once(front.listen(0, "127.0.0.1"), "listening");
  const endpoint = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  storage = await openS3Storage({ ...bucket.config, endpoint });
});
afterEach(async () => {
  front.closeAllConnections();
  front.close();
  await bucket.close();
});

async function* bytes(text: string) {
  yield Buffer.from(text);
}
const content = async (key: string) => (await readContent(storage, key, 1000)).toString();

it("of two requests that store the same part of an upload the second is refused", async () => {
  const chunks = await storage.append("upload", 0, bytes("first"));
  assert.deepEqual(chunks, await storage.chunks("upload"));
  await assert.rejects(storage.append("upload", 0, bytes("second")), { code: "RANGE_INVALID" });
  assert.equal(await content("upload/0000000000000000"), "first");
});

it("a part whose answer was lost is our own when it is found there", async () => {
  answersToLose = 1;
  const chunks = await storage.append("upload", 0, bytes("first"));
  assert.equal(refused, 1);
  assert.deepEqual(chunks, await storage.chunks("upload"));
});

it("a service that knows no such condition is used without it", async () => {
  conditions = "unknown";
  await storage.append("upload", 0, bytes("first"));
  await storage.append("upload", 5, bytes("second"));
  assert.equal(refused, 1, "it is asked once");
  assert.equal(await content("upload/0000000000000005"), "second");
});

it("a part that was replaced meanwhile is not taken for the one that was hashed", async () => {
  const chunks = await storage.append("upload", 0, bytes("first"));
  await storage.write("upload/0000000000000000", "other");
  await assert.rejects(storage.assemble("upload", chunks, "blob", true));
  assert.equal(await storage.find("blob"), undefined);
});
