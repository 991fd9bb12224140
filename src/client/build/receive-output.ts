import { Readable } from "node:stream";
import { bytesMessage } from "../../buildkit/messages/control.ts";
import { type FileStat, packet, packetType } from "../../buildkit/messages/filesync.ts";
import type { MessageOf } from "../../buildkit/wire/message.ts";
import { duplex, type GrpcCall, type Method } from "../../buildkit/wire/server.ts";
import { code, GrpcError } from "../../buildkit/wire/status.ts";
import { decodeGoFileMode } from "../../formats/go-file-mode.ts";
import { bytesOfText, paddingAfter, type TarEntry } from "../../formats/tar/tar-entry.ts";
import { archiveEnd, encodeEntry } from "../../formats/tar/tar-writer.ts";

/** Where something that a build makes goes here. */
export interface OutputReceiver {
  /** How it comes: as it is, or file by file. */
  kind: "archive" | "files";
  /** It goes to the standard output, which has nothing else then. */
  isStandardOutput?: boolean;
  /** Takes all of it: files as a tar. */
  take(content: Readable): Promise<void>;
}

type Packet = MessageOf<typeof packet>;

/** FileSend/DiffCopy: takes what a builder's exporters give. @param receivers by the exporters' places; undefined for others */
export function fileSend(receivers: readonly (OutputReceiver | undefined)[]): Method {
  return {
    handle(stream, headers, signal) {
      const place = Number(headers["buildkit-attachable-exporter-id"] ?? 0);
      const receiver = receivers[place];
      if (!receiver) throw new GrpcError(code.notFound, `no output ${place} is expected here`);
      const method = receiver.kind === "files" ? takeFiles(receiver) : takeArchive(receiver);
      return method.handle(stream, headers, signal);
    },
  };
}

const takeArchive = ({ take }: OutputReceiver) =>
  duplex(bytesMessage, bytesMessage, async (requests) => {
    async function* pieces() {
      for await (const { data } of requests) yield Buffer.from(data);
    }
    await take(Readable.from(pieces(), { objectMode: false }));
  });

const takeFiles = ({ take }: OutputReceiver) =>
  duplex(packet, packet, (requests, call) =>
    take(Readable.from(archiveOf(requests, call), { objectMode: false })),
  );

const mostEntries = 10_000_000;

/** Asks for one file after the other, and makes a tar of them. */
async function* archiveOf(requests: AsyncIterable<Packet>, call: GrpcCall<Packet>): AsyncGenerator<Buffer> {
  const packets = requests[Symbol.asyncIterator]();
  const next = async (): Promise<Packet> => {
    const { done, value } = await packets.next();
    if (done) throw new GrpcError(code.unknown, "the builder broke the transfer off");
    if (value.type === packetType.error)
      throw new GrpcError(code.unknown, `error from sender: ${Buffer.from(value.data).toString()}`);
    return value;
  };
  const entries: TarEntry[] = [];
  for (let { type, stat } = await next(); stat; { type, stat } = await next()) {
    if (type !== packetType.stat) throw new GrpcError(code.unknown, `packet ${type} comes too early`);
    if (entries.push(decodeEntry(stat)) > mostEntries) throw new GrpcError(code.unknown, "too many files");
  }
  for (const [id, entry] of entries.entries()) {
    yield encodeEntry(entry);
    if (entry.type !== "file") continue;
    await call.send({ type: packetType.request, id });
    let left = entry.sizeBytes;
    for (let part = await next(); part.data.length > 0; part = await next()) {
      if (part.type !== packetType.data || part.id !== id || part.data.length > left)
        throw new GrpcError(code.unknown, "the builder sent what was not asked for");
      left -= part.data.length;
      yield Buffer.from(part.data);
    }
    if (left > 0) throw new GrpcError(code.unknown, "the builder sent less of a file than it said");
    yield Buffer.alloc(paddingAfter(entry.sizeBytes));
  }
  yield archiveEnd;
  await call.send({ type: packetType.fin });
  while ((await next()).type !== packetType.fin);
}

function decodeEntry(stat: FileStat): TarEntry {
  const { type, mode } = decodeGoFileMode(stat.mode);
  const kind = type === "file" && stat.linkname !== "" ? "link" : type === "socket" ? "file" : type;
  const nanoseconds = ((stat.modTime % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return {
    ...{ name: bytesOfText(stat.path), type: kind, mode, uid: stat.uid, gid: stat.gid },
    sizeBytes: kind === "file" ? stat.size : 0,
    mtime: {
      seconds: Number((stat.modTime - nanoseconds) / 1_000_000_000n),
      nanoseconds: Number(nanoseconds),
    },
    ...(stat.linkname !== "" && { linkName: bytesOfText(stat.linkname) }),
  };
}
