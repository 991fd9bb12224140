import type { RegistryCall, RegistryReply } from "./call.ts";
import { RegistryError } from "./errors.ts";
import { largestManifestBytes } from "./manifest-parts.ts";
import { collect } from "./storage.ts";

/** `GET`, `HEAD /v2/<name>/manifests/<tag or digest>` (specification, "Pulling manifests"). */
export async function getManifest(call: RegistryCall): Promise<RegistryReply> {
  const { digest, mediaType, content } = await call.rooms.manifests.get(call.name, call.param("reference"));
  const headers = {
    "Docker-Content-Digest": digest,
    ETag: `"${digest}"`,
    "Content-Type": mediaType,
    "Content-Length": content.length,
  };
  if (call.header("if-none-match")?.includes(`"${digest}"`)) return { status: 304, headers };
  return { status: 200, headers, body: content };
}

/** `PUT /v2/<name>/manifests/<tag or digest>` (specification, "Pushing Manifests"). */
export async function putManifest(call: RegistryCall): Promise<RegistryReply> {
  const { name } = call;
  if (Number(call.header("content-length") ?? 0) > largestManifestBytes) {
    throw new RegistryError("MANIFEST_TOO_LARGE", `a manifest has at most ${largestManifestBytes} bytes`);
  }
  const content = await collect(call.body, largestManifestBytes);
  const contentType = call.header("content-type")?.split(";")[0]?.trim();
  const { digest, subject } = await call.rooms.manifests.put(
    name,
    call.param("reference"),
    content,
    contentType || undefined,
  );
  return {
    status: 201,
    headers: {
      Location: `/v2/${name}/manifests/${digest}`,
      "Docker-Content-Digest": digest,
      // Tells the client that it need not keep a list of referrers itself.
      ...(subject && { "OCI-Subject": subject }),
    },
  };
}

/** `DELETE /v2/<name>/manifests/<tag or digest>` (specification, "Content Management"). */
export async function removeManifest(call: RegistryCall): Promise<RegistryReply> {
  await call.rooms.manifests.remove(call.name, call.param("reference"));
  return { status: 202 };
}
