import { invalid } from "../../errors.ts";
import { type Digest, isDigest } from "../../formats/digest.ts";
import { imageConfigShape } from "../../formats/image-config.ts";
import { entries, items, kindOf, oneOf, required } from "../../formats/record-shape.ts";
import { type Decoded, integer, optional, type Shape, struct, text } from "../../formats/shape.ts";

/* The records of the image store. */

const digest: Shape<Digest> = {
  type: "digest",
  zero: () => {
    throw invalid("a digest is missing");
  },
  read(value, path) {
    const read = text.read(value, path);
    if (!isDigest(read)) throw invalid(`${JSON.stringify(read.slice(0, 128))} is not a sha256 digest`);
    return read;
  },
};

/** Where it serves as a name and nothing else. */
const id: Shape<string> = digest;

const platformShape = struct("Platform", { os: text, architecture: text, variant: optional(text) });

const descriptorFields = {
  mediaType: text,
  digest,
  /** Bytes. */
  size: integer("int64"),
  annotations: optional(entries(text)),
  platform: optional(platformShape),
  urls: optional(items(text)),
};

export const descriptorShape = struct("Descriptor", descriptorFields);

const contentShape = struct("ImageContent", {
  configDigest: digest,
  configBytes: integer("int64"),
  config: required(imageConfigShape),
  /** chainIDs, base first. */
  layers: required(items(id)),
  /** The layers' blobs as they are here, base first. */
  blobs: required(items(descriptorShape)),
  /** Sum of the layers' file content, unpacked. */
  sizeBytes: integer("int64"),
  /**
   * "received": its manifest came with it, and its blobs are those that it names. "made": its manifest was made here. "repacked": its
   * manifest came with it, but of some layers only another packing is here.
   */
  origin: oneOf("received", "made", "repacked"),
  /** Of blobs that are not compressed, what they were compressed to for a push. */
  packed: optional(items(struct("PackedBlob", { from: digest, to: required(descriptorShape) }))),
});

/** What an image is run, committed and pushed from. */
export type ImageContent = Decoded<typeof contentShape>;

const manifestShape = struct("ImageManifest", {
  descriptor: required(descriptorShape),
  kind: oneOf("image", "attestation", "unknown"),
  /** Of an image that is here. */
  content: optional(contentShape),
  /** Of another that is here: what it names. */
  parts: optional(items(descriptorShape)),
});

export type ManifestRecord = Decoded<typeof manifestShape>;

const imageShape = struct("Image", {
  /** The digest of `target`. */
  id,
  /** The index or manifest that its name leads to; its bytes are in the blob store. */
  target: required(descriptorShape),
  /** The indexes within it, which are in the blob store too. */
  indexes: items(descriptorShape),
  /** All that the target and the indexes within it list, in their order; the target itself when it is a manifest. */
  manifests: required(items(manifestShape)),
  /** RFC 3339; the zero time for an image that never had a tag. */
  lastTagTime: text,
  /** The image it was committed from; "" when unknown. */
  parent: text,
});

/** Of at least one of its manifests the content is here. */
export type ImageRecord = Decoded<typeof imageShape>;

const storedImage = kindOf("images", imageShape);

export const imageKind: typeof storedImage = {
  ...storedImage,
  read(value) {
    const image = storedImage.read(value);
    if (!image.manifests.some(({ content }) => content)) throw invalid("images: nothing of it is here");
    return image;
  },
};

const earlierImageShape = struct("EarlierImage", {
  /** The digest of its config. */
  id: digest,
  config: required(imageConfigShape),
  layers: required(items(id)),
  sizeBytes: integer("int64"),
  lastTagTime: text,
  blobs: required(items(descriptorShape)),
  /** The one it came with. */
  manifest: optional(descriptorShape),
  parent: text,
});

/** What schemas 1 and 2 kept of an image. */
export type EarlierImage = Decoded<typeof earlierImageShape>;

/** Schema 3 has them under this name until the store is opened. */
export const earlierImageKind = kindOf("images-1", earlierImageShape);

const layerShape = struct("Layer", {
  chainId: digest,
  diffId: digest,
  /** Names the folder `<root>/layers/<number>`: short, since a mount option names them all. */
  number: required(integer("uint32")),
  /** Bytes of file content. */
  sizeBytes: integer("int64"),
});

/** One unpacked layer, shared by all images that have it on top of the same layers. */
export type LayerRecord = Decoded<typeof layerShape>;

export const layerKind = kindOf("layers", layerShape);

/** When an image was last used, in milliseconds since the epoch. */
export const imageUseKind = kindOf("imageUse", struct("ImageUse", { at: required(integer("int64")) }));

/** The chainIDs that an owner holds, and the blobs. */
export const holdKind = kindOf("imageHolds", struct("Hold", { layers: items(id), blobs: items(id) }));

/** The image behind a name. */
export const referenceKind = kindOf("references", struct("Reference", { id }));
