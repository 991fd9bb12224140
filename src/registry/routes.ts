import type { RegistryHandler } from "./call.ts";
import { getBlob, removeBlob } from "./serve-blobs.ts";
import { getCatalog, getReferrers, getTags } from "./serve-lists.ts";
import { getManifest, putManifest, removeManifest } from "./serve-manifests.ts";
import { cancelUpload, completeUpload, continueUpload, getUpload, startUpload } from "./serve-uploads.ts";

type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** All operations of the registry; HEAD is served as GET is. A name may have slashes in it. */
export const registryRoutes: readonly (readonly [Method, string, RegistryHandler])[] = [
  ["GET", "/v2/", async () => ({ status: 200, headers: { "Content-Type": "application/json" }, body: "{}" })],
  ["GET", "/v2/_catalog", getCatalog],
  ["GET", "/v2/*name/tags/list", getTags],
  ["GET", "/v2/*name/referrers/:digest", getReferrers],
  ["POST", "/v2/*name/blobs/uploads/", startUpload],
  ["GET", "/v2/*name/blobs/uploads/:id", getUpload],
  ["PATCH", "/v2/*name/blobs/uploads/:id", continueUpload],
  ["PUT", "/v2/*name/blobs/uploads/:id", completeUpload],
  ["DELETE", "/v2/*name/blobs/uploads/:id", cancelUpload],
  ["GET", "/v2/*name/blobs/:digest", getBlob],
  ["DELETE", "/v2/*name/blobs/:digest", removeBlob],
  ["GET", "/v2/*name/manifests/:reference", getManifest],
  ["PUT", "/v2/*name/manifests/:reference", putManifest],
  ["DELETE", "/v2/*name/manifests/:reference", removeManifest],
];
