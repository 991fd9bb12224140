import assert from "node:assert/strict";
import { test } from "node:test";
import { limitUnwritten } from "../../ui/terminal/limit-unwritten.ts";

test("a terminal that does not keep up is given no more than it takes, is told so once, and goes on later", () => {
  const written: { bytes: Uint8Array; done(): void }[] = [];
  const terminal = {
    write: (data: string | Uint8Array, done: () => void) =>
      void written.push({ bytes: data as Uint8Array, done }),
  };
  const write = limitUnwritten(terminal, "dropped");
  const unwritten = () => written.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const chunk = new Uint8Array(1 << 20);
  for (let count = 0; count < 100; count++) write(chunk);
  assert.ok(unwritten() < 50e6, String(unwritten()));
  const notices = () => written.filter(({ bytes }) => Buffer.from(bytes).toString() === "\r\ndropped\r\n");
  assert.equal(notices().length, 1);
  const draw = (count: number) => {
    for (const { done } of written.splice(0, count)) done();
  };
  draw(1);
  write(chunk);
  assert.equal(notices().length, 1, "no line for each time there is room for little");
  draw(20);
  const before = written.length;
  write(Buffer.from("later"));
  assert.equal(written.length, before + 1);
  draw(written.length);
  for (let count = 0; count < 100; count++) write(chunk);
  assert.equal(notices().length, 1, "it is said again when it happens again");
});
