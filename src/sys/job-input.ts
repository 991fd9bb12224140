import { Readable } from "node:stream";
import { finished } from "node:stream/promises";
import { MessageChannel, type MessagePort } from "node:worker_threads";
import { internal } from "../errors.ts";

/*
 * A stream to a job on a thread: a copy of each chunk changes hands, without the system calls of a pipe. What the thread has not taken
 * yet is bounded.
 */

/** What comes to the thread. */
type Message = Uint8Array[] | "end" | "cut";

/** What is sent at a time, and what may be under way. */
const batchBytes = 256 * 1024;
const mostBytesUnderWay = 4 * 1024 * 1024;

/**
 * Sends `chunks` to a job, which reads them by `readJobInput`. With `signal` it is cut off, whether or not the next of them ever comes.
 * @param chunks stay the caller's
 * @param receive runs the job, and transfers the port to its thread
 * @throws the signal's reason; what `chunks` throws; what the job does
 */
export async function sendToJob<R>(
  chunks: AsyncIterable<Uint8Array>,
  receive: (input: MessagePort) => Promise<R>,
  signal?: AbortSignal,
): Promise<R> {
  signal?.throwIfAborted();
  const { port1: port, port2: input } = new MessageChannel();
  const sender = createSender(port);
  let failure: { reason: unknown } | undefined;
  const cutOff = () => sender.end("cut");
  signal?.addEventListener("abort", cutOff);
  const sent = pump(chunks, sender)
    .then(() => sender.end("end"))
    .catch((error: unknown) => {
      failure = { reason: error };
      cutOff();
    });
  try {
    const result = await receive(input);
    signal?.throwIfAborted();
    await sent;
    if (failure) throw failure.reason;
    return result;
  } catch (error) {
    signal?.throwIfAborted();
    throw failure ? failure.reason : error;
  } finally {
    signal?.removeEventListener("abort", cutOff);
    sender.end("cut");
    port.close();
    if (chunks instanceof Readable) chunks.destroy();
  }
}

interface Sender {
  /** @returns what the next one is to wait for, if anything */
  send(chunk: Uint8Array): Promise<void> | undefined;
  /** Nothing is sent any more. */
  end(message: "end" | "cut"): void;
  readonly isOver: boolean;
}

function createSender(port: MessagePort): Sender {
  let batch: Uint8Array<ArrayBuffer>[] = [];
  let [waitingBytes, bytesUnderWay, isOver] = [0, 0, false];
  let room = Promise.withResolvers<void>();
  let timer: NodeJS.Immediate | undefined;
  port.on("message", (takenBytes: number) => {
    bytesUnderWay -= takenBytes;
    if (bytesUnderWay > mostBytesUnderWay / 2) return;
    room.resolve();
    room = Promise.withResolvers();
  });

  function flush(): void {
    clearImmediate(timer);
    timer = undefined;
    if (batch.length === 0) return;
    port.postMessage(
      batch satisfies Message,
      batch.map(({ buffer }) => buffer),
    );
    bytesUnderWay += waitingBytes;
    waitingBytes = 0;
    batch = [];
  }

  return {
    send(chunk) {
      if (isOver || chunk.length === 0) return undefined;
      // A copy, since it changes hands: whose a chunk is cannot be seen, and a writer's block of zeros may come many times.
      batch.push(new Uint8Array(chunk));
      waitingBytes += chunk.length;
      if (waitingBytes >= batchBytes) flush();
      else timer ??= setImmediate(flush);
      return bytesUnderWay > mostBytesUnderWay ? room.promise : undefined;
    },
    end(message) {
      if (isOver) return;
      if (message === "end") flush();
      isOver = true;
      clearImmediate(timer);
      port.postMessage(message satisfies Message);
      room.resolve();
    },
    get isOver() {
      return isOver;
    },
  };
}

/** Streams are listened to: to iterate over them costs several times as much. */
async function pump(chunks: AsyncIterable<Uint8Array>, sender: Sender): Promise<void> {
  if (!(chunks instanceof Readable)) {
    for await (const chunk of chunks) {
      await sender.send(chunk);
      if (sender.isOver) return;
    }
    return;
  }
  chunks.on("data", (chunk: Uint8Array) => {
    const room = sender.send(chunk);
    if (!room) return;
    chunks.pause();
    void room.then(() => chunks.resume());
  });
  await finished(chunks, { writable: false });
}

/** What is sent to a job. Chunks are the reader's own. @throws EngineError internal where it was cut off */
export async function* readJobInput(input: MessagePort): AsyncGenerator<Buffer> {
  const messages: Message[] = [];
  let arrival = Promise.withResolvers<void>();
  input.on("message", (message: Message) => {
    messages.push(message);
    arrival.resolve();
  });
  // Who sends may be gone.
  input.once("close", () => {
    messages.push("cut");
    arrival.resolve();
  });
  try {
    for (;;) {
      const message = messages.shift();
      if (message === "end") return;
      if (message === "cut") throw internal("the archive was cut off");
      if (message) {
        let takenBytes = 0;
        for (const { buffer, byteOffset, byteLength } of message) {
          takenBytes += byteLength;
          yield Buffer.from(buffer, byteOffset, byteLength);
        }
        input.postMessage(takenBytes);
      } else {
        await arrival.promise;
        arrival = Promise.withResolvers();
      }
    }
  } finally {
    input.close();
  }
}
