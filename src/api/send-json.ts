import type { ServerResponse } from "node:http";
import { isObject } from "../formats/json.ts";
import { createPauses, type Slices } from "../sys/pauses.ts";

/** Of the elements of a list: fewer are written in one go. */
const manyElements = 100;
/** Of the elements of a list that is there already: this many are turned into text in one go. */
const sliceElements = 32;
const pieceCharacters = 64 * 1024;

/** Whether an answer, or a member of it, is a list of many: ten thousand containers are megabytes, and a second's work. */
export function isLong(body: unknown): body is object {
  if (Array.isArray(body)) return body.length > manyElements;
  return isObject(body) && Object.values(body).some((member) => isSlices(member) || isLongList(member));
}

const isLongList = (member: unknown) => Array.isArray(member) && isLong(member);

/** Writes such an answer piece by piece, others having the thread between them, and ends it. The head is the caller's. */
export function sendLong(output: ServerResponse, body: object): Promise<void> {
  return sendPieces(output, encode(body));
}

/** The same of a list whose elements are made while it is sent. A short one goes in one piece, with its length. */
export function sendElements(output: ServerResponse, elements: Slices<unknown>): Promise<void> {
  return sendPieces(output, encodeList(elements));
}

async function sendPieces(output: ServerResponse, texts: AsyncIterable<string>) {
  const pauses = createPauses();
  let piece = "";
  for await (const text of texts) {
    piece += text;
    await pauses.take();
    if (piece.length < pieceCharacters) continue;
    if (output.destroyed) return;
    const hasRoom = output.write(piece);
    piece = "";
    if (!hasRoom) await hasRoomOrIsGone(output);
  }
  piece += "\n";
  if (!output.headersSent) output.setHeader("Content-Length", Buffer.byteLength(piece));
  output.end(piece);
}

function hasRoomOrIsGone(output: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (output.destroyed) return resolve();
    const over = () => {
      output.off("drain", over).off("close", over);
      resolve();
    };
    output.once("drain", over).once("close", over);
  });
}

/** As `JSON.stringify` has it; a member may be a list that is made as it is sent. */
async function* encode(body: object): AsyncGenerator<string> {
  if (Array.isArray(body)) return yield* encodeList(slicesOf(body));
  let before = "{";
  for (const [name, member] of Object.entries(body)) {
    if (member === undefined) continue;
    yield `${before}${JSON.stringify(name)}:`;
    before = ",";
    if (isSlices(member)) yield* encodeList(member);
    else if (Array.isArray(member)) yield* encodeList(slicesOf(member));
    else yield JSON.stringify(member);
  }
  yield before === "{" ? "{}" : "}";
}

async function* encodeList(slices: Slices<unknown> | Iterable<readonly unknown[]>): AsyncGenerator<string> {
  let before = "[";
  for await (const slice of slices) {
    // One call for all of them: each call costs as much as a small element does.
    if (slice.length === 0) yield "";
    else yield before + JSON.stringify(slice).slice(1, -1);
    if (slice.length > 0) before = ",";
  }
  yield before === "[" ? "[]" : "]";
}

function* slicesOf(list: readonly unknown[]): Generator<readonly unknown[]> {
  for (let at = 0; at < list.length; at += sliceElements) yield list.slice(at, at + sliceElements);
}

function isSlices(value: unknown): value is Slices<unknown> {
  return isObject(value) && Symbol.asyncIterator in value;
}
