import assert from "node:assert/strict";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { test } from "node:test";
import { listenUi } from "../../src/ui/listen.ts";
import type { Ui } from "../../src/ui/ui.ts";
import { eventually } from "../engine.ts";
import { connectRaw } from "./own-server.ts";

const get = (path: string, more = "") => `GET ${path} HTTP/1.1\r\nHost: x\r\n${more}\r\n`;

test("a client that takes nothing of its answer is let go; one that waits for more, and a WebSocket, are not", async () => {
  let followed: ServerResponse | undefined;
  let isBigAsked = false;
  const ui: Ui = {
    request(input, output) {
      output.on("error", () => {});
      if (input.url === "/big") {
        isBigAsked = true;
        output.end(Buffer.alloc(64 << 20));
        return;
      }
      followed = output;
      output.write("first");
    },
    upgrade: (_, socket) =>
      void socket
        .on("error", () => {})
        .on("end", () => socket.destroy())
        .resume()
        .write("HTTP/1.1 101 Upgraded\r\n\r\n"),
    close() {},
  };
  const { server, url } = await listenUi(ui, { host: "127.0.0.1", port: 0 }, undefined, 0.2);
  const port = Number(new URL(url).port);
  const upgraded = await connectRaw(port, get("/", "Connection: Upgrade\r\nUpgrade: websocket\r\n"));
  const follower = await connectRaw(port, get("/followed"));
  await eventually(follower.received, (text) => text.includes("first"));
  await eventually(upgraded.received, (text) => text.includes("101"));
  // It is the last that does anything, so that its time is up after the others'.
  const idle = await connectRaw(port, get("/big"));
  idle.socket.pause();
  await eventually(
    () => isBigAsked,
    (isAsked) => isAsked,
  );
  const sockets = () => new Promise<number>((resolve) => server.getConnections((_, count) => resolve(count)));
  await eventually(sockets, (count) => count === 2);
  followed?.write("second");
  await eventually(follower.received, (text) => text.includes("second"));
  assert.equal(upgraded.socket.readableEnded, false);
  for (const { socket } of [upgraded, follower, idle]) socket.destroy();
  server.close();
  await once(server, "close");
});
