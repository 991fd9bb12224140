import type { ClientContent } from "../build/client-session.ts";
import {
  infoRequest,
  infoResponse,
  readContentRequest,
  readContentResponse,
  writeAction,
  writeContentRequest,
  writeContentResponse,
} from "../buildkit/messages/content.ts";
import type { GrpcClient, OpenCall } from "../buildkit/wire/client.ts";
import { code, GrpcError } from "../buildkit/wire/status.ts";
import { unavailable } from "../errors.ts";

const service = "/containerd.services.content.v1.Content";
export const contentMethods = { info: `${service}/Info`, read: `${service}/Read`, write: `${service}/Write` };
const storeKey = "buildkit-attachable-store-id";

/** Milliseconds without a word of the client's. */
const usualPatience = 120_000;

/** Blobs in a directory of the client's. */
export function openClientContent(
  client: GrpcClient,
  store: string,
  patience = usualPatience,
): ClientContent {
  const metadata = { [storeKey]: store };
  return {
    async sizeOf(digest) {
      const { info: path } = contentMethods;
      const { info } = await client.unary(path, infoRequest, infoResponse, { digest }, metadata, patience);
      return info?.size ?? 0;
    },
    async *read(digest) {
      const call = client.open(contentMethods.read, readContentRequest, readContentResponse, metadata);
      await call.send({ digest });
      call.end();
      for await (const { data } of repliesInTime(call, patience)) yield Buffer.from(data);
    },
    async write({ digest, sizeBytes }, chunks) {
      const call = client.open(contentMethods.write, writeContentRequest, writeContentResponse, metadata);
      const replies = call.replies[Symbol.asyncIterator]();
      const common = { ref: `berth-${digest}`, total: sizeBytes, expected: digest };
      const ask = async (request: { action: number; offset?: number; data?: Buffer }) => {
        await call.send({ ...common, ...request });
        const { done, value } = await inTime(call, patience, replies.next());
        if (done) throw unavailable("the client ended the transfer before all was sent");
        return value;
      };
      try {
        let offset = (await ask({ action: writeAction.stat })).offset;
        let at = 0;
        for await (const piece of chunks) {
          // Of a write that was broken off the client may have the first part.
          const data = piece.subarray(Math.min(Math.max(offset - at, 0), piece.length));
          if (data.length > 0) await ask({ action: writeAction.write, offset, data });
          at += piece.length;
          offset = Math.max(offset, at);
        }
        await ask({ action: writeAction.commit, offset });
        call.end();
      } catch (error) {
        call.cancel();
        if (!(error instanceof GrpcError) || error.code !== code.alreadyExists) throw error;
      }
    },
  };
}

/** Until there are no more; then, or when its reader gives up, the call is over. @throws as `inTime` */
export async function* repliesInTime<R>(
  call: Pick<OpenCall<never, R>, "replies" | "cancel">,
  patience = usualPatience,
): AsyncGenerator<R> {
  const replies = call.replies[Symbol.asyncIterator]();
  try {
    for (;;) {
      const { done, value } = await inTime(call, patience, replies.next());
      if (done) return;
      yield value;
    }
  } finally {
    call.cancel();
  }
}

/** @throws unavailable when the client says nothing for so long; then the call is given up */
async function inTime<R>(call: { cancel(): void }, milliseconds: number, part: Promise<R>): Promise<R> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    call.cancel();
    late.reject(unavailable("the client did not answer in time"));
  }, milliseconds);
  try {
    return await Promise.race([part, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
