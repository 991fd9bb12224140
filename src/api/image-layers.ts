import { invalid } from "../errors.ts";
import type { ImageRecord } from "../images/images.ts";
import { getPresentManifest, type PresentManifest } from "../images/select-manifest.ts";
import { withFirstPiece } from "../sys/send.ts";
import { platformsOf } from "./images.ts";
import { type ApiRequest, ok, type Reply } from "./request.ts";

const deepestPath = 64;

/* What Docker has no operations for: the layers of an image, looked into. Each takes `platform` as `inspect` does. */

/** `GET /berth/images/NAME/layers`: what each layer does, and which bytes of them the image does not show. */
export async function analyze(request: ApiRequest): Promise<Reply> {
  const { image, manifest } = imageOf(request);
  return ok(await request.engine.images.analyze(image, manifest, request.signal));
}

/** `GET /berth/images/NAME/layers/N/entries`: the names in a layer, a line of JSON each; the base is number 0. */
export async function listEntries(request: ApiRequest): Promise<undefined> {
  const { image, manifest } = imageOf(request);
  const entries = request.engine.images.layerEntries(image, numberOf(request), manifest);
  return request.send("application/x-ndjson", await withFirstPiece(entries));
}

/** `GET /berth/images/NAME/layers/N/file?path=PATH`: a file's bytes as layers 0 to N show it. Links are followed. */
export async function readFile(request: ApiRequest): Promise<undefined> {
  const path = request.text("path");
  if (path === "") throw invalid("path is required");
  // Each directory on the way is open in each layer meanwhile.
  if (path.split("/").length > deepestPath) throw invalid("the path is too deep");
  const file = { ...imageOf(request), number: numberOf(request), path };
  return request.send("application/octet-stream", await withFirstPiece(request.engine.images.readFile(file)));
}

function imageOf(request: ApiRequest): { image: ImageRecord; manifest: PresentManifest | undefined } {
  const name = request.param("name");
  const image = request.engine.images.getImage(name);
  const [platform] = platformsOf(request);
  return { image, manifest: platform && getPresentManifest(image, platform, name) };
}

function numberOf(request: ApiRequest): number {
  const text = request.param("number");
  if (!/^\d{1,5}$/.test(text)) throw invalid(`invalid layer number: ${JSON.stringify(text)}`);
  return Number(text);
}
