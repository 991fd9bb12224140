import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { after, test } from "node:test";
import type { StepVisitor } from "../../src/build/client-session.ts";
import {
  enterFailedStep,
  failedStepInput,
  failedStepOutput,
} from "../../src/buildkit/messages/failed-step.ts";
import { connectGrpc } from "../../src/buildkit/wire/client.ts";
import { encodeMessageFrame } from "../../src/buildkit/wire/frames.ts";
import { duplex, type Method, serveGrpc } from "../../src/buildkit/wire/server.ts";
import { openFailedStep } from "../../src/grpc/failed-step.ts";

const failed = { step: "[2/2] RUN false", error: "exit code: 1", needsShell: false };
const servers: ReturnType<typeof createServer>[] = [];
after(() => {
  for (const server of servers) server.close();
});

/** Has `use` speak to a client that answers by this method. */
async function withClient(
  method: Method,
  use: (client: ReturnType<typeof connectGrpc>) => Promise<void>,
): Promise<void> {
  const server = createServer((socket) => serveGrpc(socket, new Map([[enterFailedStep, method]])));
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const client = connectGrpc(connect((server.address() as { port: number }).port, "127.0.0.1"));
  try {
    await use(client);
  } finally {
    client.close();
  }
}

const left = ({ gone }: StepVisitor) => (gone.aborted ? undefined : once(gone, "abort"));

test("what is typed and each new size go to the shell, and its output to the client", () => {
  const shown: string[] = [];
  const method = duplex(failedStepOutput, failedStepInput, async (outputs, call) => {
    const messages = outputs[Symbol.asyncIterator]();
    const first = (await messages.next()).value;
    assert.deepEqual({ ...first, output: first.output.length }, { ...failed, output: 0 });
    await call.send({ rows: 30, columns: 100, shell: Buffer.from("busybox") });
    await call.send({ input: Buffer.from("ls\n") });
    await call.send({ rows: 50, columns: 200 });
    for (let next = await messages.next(); !next.done; next = await messages.next())
      shown.push(Buffer.from(next.value.output).toString());
  });
  return withClient(method, async (client) => {
    const visitor = await openFailedStep(client, failed, new AbortController().signal);
    assert.deepEqual(visitor.size, [30, 100]);
    assert.equal(visitor.shell?.toString(), "busybox");
    const typed: unknown[] = [];
    visitor.listen(
      async (data) => void typed.push(data.toString()),
      (rows, columns) => void typed.push([rows, columns]),
    );
    await visitor.write(Buffer.from("file"));
    visitor.close();
    await left(visitor);
    assert.deepEqual(typed, ["ls\n", [50, 200]]);
    assert.deepEqual(shown, ["file"]);
  });
});

test("sizes that no terminal has count for nothing", () => {
  const method = duplex(failedStepOutput, failedStepInput, async (_, call) => {
    await call.send({ rows: 4_294_967_295, columns: 1 });
    await call.send({ rows: 10_001, columns: 20 });
    await call.send({ rows: 0, columns: 20 });
  });
  return withClient(method, async (client) => {
    const visitor = await openFailedStep(client, failed, new AbortController().signal);
    assert.deepEqual(visitor.size, [0, 0]);
    const sizes: number[] = [];
    visitor.listen(
      async () => {},
      (rows) => void sizes.push(rows),
    );
    await left(visitor);
    assert.deepEqual(sizes, []);
  });
});

test("a client that declines, or sends what is no message, is told from one that comes", async () => {
  const declining = duplex(failedStepOutput, failedStepInput, async () => {});
  await withClient(declining, (client) =>
    assert.rejects(openFailedStep(client, failed, new AbortController().signal), /took no look/),
  );
  const garbage: Method = {
    async handle(stream) {
      stream.write(encodeMessageFrame(Buffer.from([0x0f, 0xff, 0xff])));
      await once(stream, "close");
    },
  };
  await withClient(garbage, (client) =>
    assert.rejects(openFailedStep(client, failed, new AbortController().signal), /invalid message/),
  );
});

test("a client that never answers is given up with its build", () => {
  const idle = duplex(
    failedStepOutput,
    failedStepInput,
    async (_, call) => void (await once(call.signal, "abort")),
  );
  return withClient(idle, async (client) => {
    const stop = new AbortController();
    const opened = openFailedStep(client, failed, stop.signal);
    setImmediate(() => stop.abort());
    await assert.rejects(opened);
  });
});
