import type { DirectoryRequest, DirectoryVisitor } from "../build/client-session.ts";
import type { ContextEntry } from "../build/context/entry.ts";
import { type FileStat, packet, packetType } from "../buildkit/messages/filesync.ts";
import type { GrpcClient, Metadata, OpenCall } from "../buildkit/wire/client.ts";
import type { MessageOf } from "../buildkit/wire/message.ts";
import { internal, invalid } from "../errors.ts";
import { decodeGoFileMode } from "../formats/go-file-mode.ts";
import { bytesOfText, type TarEntryType } from "../formats/tar/tar-entry.ts";

/*
 * How a client's directory comes (moby.filesync.v1.FileSync/DiffCopy): it lists every entry, and sends the content of those that are
 * asked for by their number.
 */

type Packet = MessageOf<typeof packet>;
const path = "/moby.filesync.v1.FileSync/DiffCopy";

/** @throws GrpcError for a directory that the client does not give; EngineError invalid for what cannot be */
export async function readDirectory(
  client: GrpcClient,
  request: DirectoryRequest,
  visitor: DirectoryVisitor,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const call = client.open(path, packet, packet, metadataOf(request));
  const cancel = () => call.cancel();
  signal.addEventListener("abort", cancel, { once: true });
  try {
    await receive(call, visitor);
  } catch (error) {
    call.cancel();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", cancel);
  }
}

async function receive(call: OpenCall<Packet, Packet>, visitor: DirectoryVisitor): Promise<void> {
  const wanted = new Set<number>();
  let [count, isListed, isFinished] = [0, false, false];

  function finishWhenDone(): void {
    if (!isListed || wanted.size > 0 || isFinished) return;
    isFinished = true;
    void call.send({ type: packetType.fin });
  }

  for await (const { type, stat, id, data } of call.replies) {
    switch (type) {
      case packetType.stat:
        if (stat) {
          if (isListed) throw invalid("the client listed more files after the end of its list");
          const number = count++;
          if (visitor.entry(decodeEntry(stat))) {
            wanted.add(number);
            await call.send({ type: packetType.request, id: number });
          }
        } else isListed = true;
        break;
      case packetType.data:
        if (!wanted.has(id)) throw invalid(`the client sent content of entry ${id}, which was not asked for`);
        if (data.length > 0) await visitor.data(id, Buffer.from(data));
        else {
          wanted.delete(id);
          await visitor.end(id);
        }
        break;
      case packetType.fin:
        if (!isFinished) throw internal("the client ended the transfer before all had come");
        call.end();
        break;
      case packetType.error:
        throw internal(`error from sender: ${Buffer.from(data).toString()}`);
      default:
        throw invalid(`unknown packet type ${type} from the client`);
    }
    finishWhenDone();
  }
  if (!isFinished) throw internal("the client broke the transfer off");
}

/** Each value of a list is a header of its own; one with a comma, or beyond ASCII, makes all of its key encoded. */
function metadataOf({ name, followPaths, includePatterns, excludePatterns }: DirectoryRequest): Metadata {
  const metadata: Metadata = { "dir-name": name };
  const lists = {
    followpaths: followPaths,
    "include-patterns": includePatterns,
    "exclude-patterns": excludePatterns,
  };
  for (const [key, values] of Object.entries(lists)) {
    if (!values || values.length === 0) continue;
    const isPlain = values.every((value) => /^[\x20-\x2b\x2d-\x7e]*$/.test(value) && value.trim() === value);
    metadata[key] = isPlain ? [...values] : values.map((value) => encodeURIComponent(value));
    if (!isPlain) metadata[`${key}-encoded`] = "1";
  }
  return metadata;
}

function decodeEntry(stat: FileStat): ContextEntry {
  const { type: kind, mode } = decodeGoFileMode(stat.mode);
  // A socket comes as an empty file.
  const type: TarEntryType =
    kind === "file" && stat.linkname !== "" ? "link" : kind === "socket" ? "file" : kind;
  const nanoseconds = ((stat.modTime % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  return {
    path: bytesOfText(stat.path),
    type,
    mode,
    uid: stat.uid,
    gid: stat.gid,
    sizeBytes: type === "file" ? stat.size : 0,
    mtime: {
      seconds: Number((stat.modTime - nanoseconds) / 1_000_000_000n),
      nanoseconds: Number(nanoseconds),
    },
    ...(stat.linkname !== "" && { linkName: bytesOfText(stat.linkname) }),
    ...((type === "characterDevice" || type === "blockDevice") && {
      deviceMajor: stat.devmajor,
      deviceMinor: stat.devminor,
    }),
    ...(stat.xattrs.size > 0 && {
      xattrs: new Map([...stat.xattrs].map(([key, value]) => [bytesOfText(key), Buffer.from(value)])),
    }),
  };
}
