import type { OutgoingEntry } from "../build/client-session.ts";
import type { ContextEntry } from "../build/context/entry.ts";
import { bytesMessage } from "../buildkit/messages/control.ts";
import { type FileStat, packet, packetType } from "../buildkit/messages/filesync.ts";
import type { GrpcClient, OpenCall } from "../buildkit/wire/client.ts";
import type { Given } from "../buildkit/wire/message.ts";
import { code, GrpcError } from "../buildkit/wire/status.ts";
import { internal, unavailable } from "../errors.ts";
import { encodeGoFileMode } from "../formats/go-file-mode.ts";
import { textOfBytes } from "../formats/tar/tar-entry.ts";

/* What goes to a client's exporters (moby.filesync.v1.FileSend/DiffCopy). */

const path = "/moby.filesync.v1.FileSend/DiffCopy";
const exporterKey = "buildkit-attachable-exporter-id";
const largestPieceBytes = 32 * 1024;

/** Of a client that takes nothing, and asks for nothing. */
const patience = 120_000;

/** Waits for the client's part. @throws unavailable when it has not come in time; then the call is given up */
async function inTime<R>(call: OpenCall<never, unknown>, milliseconds: number, part: Promise<R>): Promise<R> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    call.cancel();
    late.reject(unavailable("the client did not take what was sent to it in time"));
  }, milliseconds);
  try {
    return await Promise.race([part, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** As bytes. A client that says that it has them already is content. */
export async function sendArchive(
  client: GrpcClient,
  exporter: number,
  chunks: AsyncIterable<Buffer>,
  metadata: Record<string, string>,
  patienceMilliseconds = patience,
): Promise<void> {
  const named = Object.entries(metadata).map(([key, value]) => [`exporter-md-${key}`, value] as const);
  const call = client.open(path, bytesMessage, bytesMessage, {
    ...Object.fromEntries(named),
    [exporterKey]: String(exporter),
  });
  let failure: { error: unknown } | undefined;
  // From the beginning: a client may say in the middle of it why it takes no more.
  const answer = drain(call.replies).catch((error: unknown) => {
    failure = { error };
  });
  try {
    for await (const data of chunks) {
      await inTime(call, patienceMilliseconds, Promise.race([call.send({ data }), answer]));
      if (failure) throw failure.error;
    }
    call.end();
    await inTime(call, patienceMilliseconds, answer);
    if (failure) throw failure.error;
  } catch (error) {
    call.cancel();
    if (!(error instanceof GrpcError) || error.code !== code.alreadyExists) throw error;
  }
}

async function drain(replies: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of replies);
}

/** As a directory: all entries are listed, and the content of those that the client asks for is sent. */
export async function sendFiles(
  client: GrpcClient,
  exporter: number,
  entries: AsyncIterable<OutgoingEntry>,
  patienceMilliseconds = patience,
): Promise<void> {
  const call = client.open(path, packet, packet, { [exporterKey]: String(exporter) });
  const wait = <R>(part: Promise<R>) => inTime(call, patienceMilliseconds, part);
  const contents: OutgoingEntry["content"][] = [];
  const asked: number[] = [];
  let wake = () => {};
  let isFinished = false;
  let failure: unknown;
  const reading = (async () => {
    for await (const { type, id, data } of call.replies) {
      if (type === packetType.request) asked.push(id);
      else if (type === packetType.fin) isFinished = true;
      else if (type === packetType.error)
        throw internal(`error from receiver: ${Buffer.from(data).toString()}`);
      wake();
    }
    if (!isFinished) throw internal("the client broke the transfer off");
  })().catch((error: unknown) => {
    failure = error;
    wake();
  });
  try {
    for await (const { entry, content } of entries) {
      contents.push(content);
      await wait(call.send({ type: packetType.stat, stat: encodeEntry(entry) }));
      if (failure) throw failure;
    }
    await call.send({ type: packetType.stat });
    for (let next = 0; !isFinished; ) {
      if (failure) throw failure;
      const number = asked[next];
      if (number === undefined) await wait(new Promise<void>((resolve) => (wake = resolve)));
      else await sendContent(number, contents[number]);
      if (number !== undefined) next++;
    }
    await call.send({ type: packetType.fin });
    call.end();
    await wait(reading);
    if (failure) throw failure;
  } catch (error) {
    call.cancel();
    throw error;
  }

  async function sendContent(id: number, content: OutgoingEntry["content"]): Promise<void> {
    if (!content) throw internal(`invalid file id ${id}`);
    for await (const chunk of content()) {
      for (let at = 0; at < chunk.length; at += largestPieceBytes)
        await wait(
          call.send({ type: packetType.data, id, data: chunk.subarray(at, at + largestPieceBytes) }),
        );
    }
    await wait(call.send({ type: packetType.data, id }));
  }
}

const typeBits: Record<ContextEntry["type"], number> = {
  file: 0o100000,
  link: 0o100000,
  directory: 0o040000,
  symlink: 0o120000,
  characterDevice: 0o020000,
  blockDevice: 0o060000,
  fifo: 0o010000,
};

function encodeEntry(entry: ContextEntry): Given<FileStat> {
  const { seconds, nanoseconds } = entry.mtime;
  return {
    path: textOfBytes(entry.path),
    mode: encodeGoFileMode(typeBits[entry.type] | entry.mode),
    uid: entry.uid,
    gid: entry.gid,
    size: entry.sizeBytes,
    modTime: BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
    linkname: textOfBytes(entry.linkName ?? ""),
    devmajor: entry.deviceMajor ?? 0,
    devminor: entry.deviceMinor ?? 0,
  };
}
