import { sessionKey } from "../session.ts";
import { formatTarget, type Query } from "./call.ts";
import { Failure } from "./failure.ts";

/** What comes without end: over a WebSocket each, of which a browser has many, and of HTTP's connections six. */
export interface Stream {
  send(bytes: Uint8Array<ArrayBuffer> | string): void;
  close(): void;
}

export interface StreamListener {
  /** The content type, before all else. */
  onOpen?(type: string): void;
  onBytes?(bytes: Uint8Array): void;
  /** Text, of a stream that is text. */
  onText?(text: string): void;
  /** Once; with the reason where it was no plain end. */
  onEnd?(failure?: Failure): void;
}

function openSocket(target: string, listener: StreamListener): Stream {
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${target}`;
  const socket = new WebSocket(url, ["berth", sessionKey.get()]);
  socket.binaryType = "arraybuffer";
  let isOver = false;
  const end = (failure?: Failure) => {
    if (isOver) return;
    isOver = true;
    socket.close();
    listener.onEnd?.(failure);
  };
  socket.onmessage = ({ data }) => {
    if (isOver) return;
    if (data instanceof ArrayBuffer) listener.onBytes?.(new Uint8Array(data));
    else if (listener.onText) listener.onText(String(data));
    else {
      const { type, message } = JSON.parse(String(data));
      if (message !== undefined) end(new Failure(500, String(message)));
      else listener.onOpen?.(String(type));
    }
  };
  socket.onclose = ({ code }) => end(code === 1006 ? new Failure(0, "The connection was lost.") : undefined);
  return {
    send: (bytes) => void (socket.readyState === WebSocket.OPEN && socket.send(bytes)),
    close() {
      isOver = true;
      socket.close();
    },
  };
}

/** A GET of the engine's API. */
export const openStream = (path: string, query: Query, listener: StreamListener) =>
  openSocket(formatTarget("/ui/stream", { path: formatTarget(path, query) }), listener);

export const openTerminal = (
  kind: "exec" | "attach",
  id: string,
  size: { rows: number; columns: number },
  listener: StreamListener,
) => openSocket(formatTarget(`/ui/${kind}/${encodeURIComponent(id)}`, { ...size }), listener);

export const openLive = (listener: StreamListener) => openSocket("/ui/live", listener);
