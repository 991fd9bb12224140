import { type Digest, isDigest } from "../formats/digest.ts";
import type { RegistryCall, RegistryReply } from "./call.ts";
import { RegistryError } from "./errors.ts";
import { isName } from "./layout.ts";
import { formatUploaded, parseContentRange } from "./range.ts";
import { uploadPath } from "./uploads.ts";

/** `POST /v2/<name>/blobs/uploads/`: mounts a blob of another repository, takes a whole one, or begins an upload. */
export async function startUpload(call: RegistryCall): Promise<RegistryReply> {
  const { blobs, uploads } = call.rooms;
  const { name, query } = call;
  const [mount, from, digest] = ["mount", "from", "digest"].map((key) => query.get(key));
  // Whatever stands in the way of a mount, an upload is the way round.
  if (mount && from && isDigest(mount) && isName(from) && (await blobs.find(from, mount))) {
    await blobs.claim(name, mount);
    if (await blobs.find(name, mount)) return created(name, mount);
  }
  const wanted = digest && !mount ? call.digest(digest) : undefined;
  const id = await uploads.start(name);
  if (!wanted) return accepted(name, id, 0);
  try {
    await uploads.append(name, id, call.body, { bytes: contentLength(call) });
  } catch (error) {
    // The client never learned its id.
    await uploads.cancel(name, id).catch(() => {});
    throw error;
  }
  await uploads.complete(name, id, wanted);
  return created(name, wanted);
}

/** `GET` of an upload: how far it is. */
export async function getUpload(call: RegistryCall): Promise<RegistryReply> {
  const { name } = call;
  const id = call.param("id");
  const sizeBytes = await call.rooms.uploads.getSize(name, id);
  return { ...accepted(name, id, sizeBytes), status: 204 };
}

/** `PATCH` of an upload: the next bytes, with a Content-Range or as a stream. */
export async function continueUpload(call: RegistryCall): Promise<RegistryReply> {
  const { name } = call;
  const id = call.param("id");
  const sizeBytes = await call.rooms.uploads.append(name, id, call.body, readExpected(call));
  return accepted(name, id, sizeBytes);
}

/** `PUT` of an upload: its last bytes, if any, and its digest. */
export async function completeUpload(call: RegistryCall): Promise<RegistryReply> {
  const { uploads } = call.rooms;
  const { name } = call;
  const id = call.param("id");
  const digest = call.digest(call.query.get("digest") ?? "");
  if (contentLength(call) !== 0 && hasBody(call)) {
    await uploads.append(name, id, call.body, readExpected(call));
  }
  await uploads.complete(name, id, digest);
  return created(name, digest);
}

/** `DELETE` of an upload. */
export async function cancelUpload(call: RegistryCall): Promise<RegistryReply> {
  await call.rooms.uploads.cancel(call.name, call.param("id"));
  return { status: 204 };
}

function created(name: string, digest: Digest): RegistryReply {
  return {
    status: 201,
    headers: { Location: `/v2/${name}/blobs/${digest}`, "Docker-Content-Digest": digest },
  };
}

function accepted(name: string, id: string, sizeBytes: number): RegistryReply {
  return {
    status: 202,
    headers: {
      Location: uploadPath(name, id),
      Range: formatUploaded(sizeBytes),
      "Docker-Upload-UUID": id,
    },
  };
}

/** Where the chunk says it belongs, and its length. @throws RegistryError SIZE_INVALID when it contradicts itself */
function readExpected(call: RegistryCall): { at?: number; bytes?: number | undefined } {
  const bytes = contentLength(call);
  const header = call.header("content-range");
  if (header === undefined) return { bytes };
  const { start, end } = parseContentRange(header);
  if (bytes !== undefined && bytes !== end - start) {
    throw new RegistryError("SIZE_INVALID", `Content-Range ${header} and Content-Length ${bytes} contradict`);
  }
  return { at: start, bytes: end - start };
}

function contentLength(call: RegistryCall): number | undefined {
  const header = call.header("content-length");
  return header === undefined ? undefined : Number(header);
}

function hasBody(call: RegistryCall): boolean {
  return contentLength(call) !== undefined || call.header("transfer-encoding") !== undefined;
}
