import type { RegistryCall, RegistryReply } from "./call.ts";
import { parseRange } from "./range.ts";

/** What is named by its digest never changes. */
const forever = "max-age=31536000";

/** `GET`, `HEAD /v2/<name>/blobs/<digest>` (specification, "Pulling blobs", "Checking if content exists in the registry"). */
export async function getBlob(call: RegistryCall): Promise<RegistryReply> {
  const { blobs } = call.rooms;
  const { name } = call;
  const digest = call.digest();
  const { sizeBytes } = await blobs.get(name, digest);
  // A client that asks for it may be about to push a manifest that needs it.
  if (call.input.method === "HEAD") await blobs.claim(name, digest);
  const headers = {
    "Docker-Content-Digest": digest,
    ETag: `"${digest}"`,
    "Cache-Control": forever,
    "Accept-Ranges": "bytes",
    "Content-Type": "application/octet-stream",
  };
  if (call.header("if-none-match")?.includes(`"${digest}"`)) return { status: 304, headers };
  const range = parseRange(call.header("range"), sizeBytes);
  if (!range) {
    const body = () => blobs.read(name, digest);
    return { status: 200, headers: { ...headers, "Content-Length": sizeBytes }, body };
  }
  const { start, end } = range;
  return {
    status: 206,
    headers: {
      ...headers,
      "Content-Length": end - start,
      "Content-Range": `bytes ${start}-${end - 1}/${sizeBytes}`,
    },
    body: () => blobs.read(name, digest, range),
  };
}

/** `DELETE /v2/<name>/blobs/<digest>`: this repository has it no more; the bytes go with the next garbage collection. */
export async function removeBlob(call: RegistryCall): Promise<RegistryReply> {
  const { name } = call;
  const digest = call.digest();
  await call.rooms.blobs.get(name, digest);
  await call.rooms.blobs.unlink(name, digest);
  return { status: 202 };
}
