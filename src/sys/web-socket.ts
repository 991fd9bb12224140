import { Duplex } from "node:stream";
import { EngineError } from "../errors.ts";
import { createWebSocketDecoder, encodeWebSocketFrame } from "../formats/web-socket.ts";

/** What a client sends and gets over a WebSocket, as a plain stream. @param isText how clients before 1.28 want what they get */
export function openWebSocket(socket: Duplex, isText: boolean): Duplex {
  const kind = isText ? "text" : "binary";
  let isClosing = false;
  /** Nothing of the client's counts after its close, also when it comes in the same piece. */
  let isOver = false;
  const close = (payload: Uint8Array) => {
    if (!isClosing) socket.write(encodeWebSocketFrame("close", payload));
    isClosing = true;
  };
  const stream = new Duplex({
    read: () => void socket.resume(),
    write(chunk: Buffer, _, done) {
      if (isClosing || socket.write(encodeWebSocketFrame(kind, chunk))) return done();
      const resume = () => {
        socket.off("drain", resume).off("close", resume);
        done();
      };
      socket.once("drain", resume).once("close", resume);
    },
    final(done) {
      close(normalEnd);
      socket.end(done);
    },
    destroy(error, done) {
      socket.destroy();
      done(error);
    },
  });
  const decoder = createWebSocketDecoder({
    onData: (chunk) => void (isOver || stream.push(chunk) || socket.pause()),
    onPing(payload) {
      // A client that pings and does not read would have its answers fill the memory.
      if (isClosing || socket.writableLength > mostUnsentBytes) return;
      socket.write(encodeWebSocketFrame("pong", payload));
    },
    onClose(payload) {
      if (isOver) return;
      isOver = true;
      close(payload);
      stream.push(null);
      // It closes as a whole, once all that it has sent has been read.
      stream.once("end", () => socket.end());
    },
  });
  socket.on("data", (bytes: Buffer) => {
    try {
      if (!isOver) decoder.push(bytes);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      close(wrongEnd);
      stream.destroy();
    }
  });
  socket.on("end", () => stream.push(null)).on("close", () => stream.destroy());
  socket.on("error", () => stream.destroy());
  return stream;
}

const mostUnsentBytes = 64 * 1024;

/** Status codes (RFC 6455, section 7.4.1): 1000 and 1002. */
const normalEnd = Buffer.from([0x03, 0xe8]);
const wrongEnd = Buffer.from([0x03, 0xea]);
