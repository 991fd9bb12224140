import { open } from "node:fs/promises";
import type { IncomingHttpHeaders } from "node:http2";
import { packet, packetType } from "../../buildkit/messages/filesync.ts";
import type { MessageOf } from "../../buildkit/wire/message.ts";
import { duplex, type GrpcCall, type Method } from "../../buildkit/wire/server.ts";
import { code, GrpcError } from "../../buildkit/wire/status.ts";
import { messageOf } from "../../errors.ts";
import { type ListedEntry, listContext } from "./list-directory.ts";

type Packet = MessageOf<typeof packet>;

/** FileSync/DiffCopy: gives a builder the directories that the user has named. @param directories by name */
export function fileSync(directories: ReadonlyMap<string, string>): Method {
  return duplex(packet, packet, async (requests, call) => {
    const name = String(call.headers["dir-name"] ?? "");
    const root = directories.get(name);
    if (root === undefined)
      throw new GrpcError(code.notFound, `no access allowed to dir ${JSON.stringify(name)}`);
    const filter = {
      followPaths: listHeader(call.headers, "followpaths"),
      excludePatterns: listHeader(call.headers, "exclude-patterns"),
    };
    await send(listContext(root, filter), requests, call);
  });
}

async function send(
  listing: Iterable<ListedEntry>,
  requests: AsyncIterable<Packet>,
  call: GrpcCall<Packet>,
): Promise<void> {
  const files: ListedEntry[] = [];
  for (const entry of listing) {
    files.push(entry);
    await call.send({ type: packetType.stat, stat: entry.stat });
  }
  await call.send({ type: packetType.stat });
  for await (const { type, id, data } of requests) {
    if (type === packetType.fin) {
      await call.send({ type: packetType.fin });
      return;
    }
    if (type === packetType.error) throw new GrpcError(code.unknown, Buffer.from(data).toString());
    if (type === packetType.request) await sendFile(files[id], id, call);
  }
}

/**
 * One that cannot be opened comes as an empty one, as Docker's client does it.
 * @throws GrpcError for one that cannot be read to its end: what has come of it must not pass for all of it
 */
async function sendFile(entry: ListedEntry | undefined, id: number, call: GrpcCall<Packet>): Promise<void> {
  if (!entry?.isFile) throw new GrpcError(code.invalidArgument, `invalid file id ${id}`);
  const file = await open(entry.path).catch(() => undefined);
  // Closed by the stream, whichever way it ends.
  const content = file?.createReadStream({ highWaterMark: 32 * 1024 }) ?? [];
  try {
    for await (const chunk of content) await call.send({ type: packetType.data, id, data: chunk as Buffer });
  } catch (error) {
    throw new GrpcError(code.unknown, `${entry.stat.path} cannot be read: ${messageOf(error)}`, [], error);
  }
  await call.send({ type: packetType.data, id });
}

/** Values of a list, which Node joins; those with odd characters come encoded, as parts of a query are. */
function listHeader(headers: IncomingHttpHeaders, key: string): string[] {
  const value = headers[key];
  if (value === undefined) return [];
  const parts = (Array.isArray(value) ? value : [value]).flatMap((one) => one.split(", "));
  return headers[`${key}-encoded`] === "1"
    ? parts.map((part) => decodeURIComponent(part.replaceAll("+", " ")))
    : parts;
}
