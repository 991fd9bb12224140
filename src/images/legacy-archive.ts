import { createReadStream } from "node:fs";
import { invalid } from "../errors.ts";
import type { Digest } from "../formats/digest.ts";
import { layerLimit } from "../formats/image-config.ts";
import { isObject, parseJson } from "../formats/json.ts";
import { mediaTypes } from "../formats/oci-manifest.ts";
import { parseReference, type Reference } from "../formats/reference.ts";
import { compressionOf, decompress } from "../trees/decompress.ts";
import type { ArchiveFiles } from "./archive/archive-read.ts";
import { type Candidate, getFile, readArchiveDocument } from "./candidate.ts";
import type { BlobStore, SpooledBlob } from "./store/blobs.ts";

/*
 * The first format of `docker save`: `repositories` says which layer a name stands for, `<id>/json` what the layer's image is like
 * and which layer is below, `<id>/layer.tar` what is in it (Docker image specification v1). Each layer is an image of its own.
 */

/** A layer's image, with all below it. */
interface Step {
  candidate: Candidate;
  id: string;
  diffIds: Digest[];
  history: object[];
}

/** @param made files that are spooled here; the caller discards them. @throws invalid */
export async function readLegacyArchive(
  files: ArchiveFiles,
  blobs: BlobStore,
  made: SpooledBlob[],
): Promise<Candidate[]> {
  const repositories = parseJson(await readArchiveDocument(getFile(files, "repositories")), "repositories");
  const steps = new Map<string, Step>();
  for (const [repository, tags] of Object.entries(repositories)) {
    if (!isObject(tags)) throw invalid("invalid repositories: a repository has no tags");
    for (const [tag, id] of Object.entries(tags)) {
      const reference = parseReference(`${repository}:${tag}`);
      const step = await addSteps(files, blobs, { top: id, steps, made });
      step.candidate.names.push(reference);
    }
  }
  return [...steps.values()].map(({ candidate }) => candidate);
}

interface Progress {
  top: unknown;
  /** By the layer's id, base first. */
  steps: Map<string, Step>;
  made: SpooledBlob[];
}

/** Adds those of a layer and of what is below it that are not there yet. */
async function addSteps(
  files: ArchiveFiles,
  blobs: BlobStore,
  { top, steps, made }: Progress,
): Promise<Step> {
  const missing: { id: string; v1: Record<string, unknown> }[] = [];
  let below: Step | undefined;
  for (let id = top; id !== undefined && id !== "" && !below; id = missing.at(-1)?.v1.parent) {
    if (typeof id !== "string" || !/^[0-9a-f]{64}$/.test(id))
      throw invalid(`invalid image ID ${JSON.stringify(id)}`);
    below = steps.get(id);
    if (below) break;
    if (missing.length >= layerLimit) throw invalid("max depth exceeded");
    missing.push({
      id,
      v1: parseJson(await readArchiveDocument(getFile(files, `${id}/json`)), "image config"),
    });
  }
  for (const { id, v1 } of missing.reverse()) {
    below = await makeStep(files, blobs, { id, v1, below, made });
    steps.set(id, below);
  }
  if (!below) throw invalid(`invalid image ID ${JSON.stringify(top)}`);
  return below;
}

async function makeStep(
  files: ArchiveFiles,
  blobs: BlobStore,
  {
    id,
    v1,
    below,
    made,
  }: { id: string; v1: Record<string, unknown>; below: Step | undefined; made: SpooledBlob[] },
): Promise<Step> {
  const file = getFile(files, `${id}/layer.tar`);
  const isPlain = file.staged || (await compressionOf(file.path)) === "none";
  const layer = isPlain ? file : await spoolPlain(file, blobs, made);
  const diffIds = [...(below?.diffIds ?? []), layer.digest];
  const history = [...(below?.history ?? []), historyOf(v1)];
  const config = await spoolText(encodeConfig(v1, diffIds, history), blobs);
  made.push(config);
  const names: Reference[] = [];
  const layers = [...(below?.candidate.content.layers ?? []), { file: layer, mediaType: mediaTypes.layer }];
  const parent = below?.candidate.content.config.digest;
  return {
    candidate: { content: { config, layers }, names, ...(parent && { parent }) },
    id,
    diffIds,
    history,
  };
}

/** A layer's plain archive. @param made where what is spooled is noted */
export async function spoolPlain(
  file: SpooledBlob,
  blobs: BlobStore,
  made: SpooledBlob[],
): Promise<SpooledBlob> {
  const { output } = await decompress(createReadStream(file.path));
  const plain = await blobs.spool(output);
  made.push(plain);
  return plain;
}

function historyOf({ created, author, comment, container_config: run }: Record<string, unknown>): object {
  const words = isObject(run) && Array.isArray(run.Cmd) ? run.Cmd : [];
  return {
    ...(typeof created === "string" && { created }),
    ...(typeof author === "string" && author && { author }),
    ...(words.length > 0 && { created_by: words.join(" ") }),
    ...(typeof comment === "string" && comment && { comment }),
  };
}

/** What only the old format has goes; fields in the order of their names, as docker writes them. */
function encodeConfig(v1: Record<string, unknown>, diffIds: Digest[], history: object[]): string {
  const dropped = new Set(["id", "parent", "Size", "parent_id", "layer_id", "throwaway"]);
  const fields = Object.entries(v1).filter(
    ([name]) => !dropped.has(name) && name !== "rootfs" && name !== "history",
  );
  const all: [string, unknown][] = [
    ...fields,
    ["rootfs", { type: "layers", diff_ids: diffIds }],
    ["history", history],
  ];
  return JSON.stringify(Object.fromEntries(all.sort(([a], [b]) => (a < b ? -1 : 1))));
}

function spoolText(text: string, blobs: BlobStore): Promise<SpooledBlob> {
  return blobs.spool(
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
}
