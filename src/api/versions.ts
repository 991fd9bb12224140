import type { Engine } from "../engine/engine.ts";
import type {
  ContainerInspect,
  ContainerSummary,
  ImageInspect,
  ImageSummary,
} from "../formats/docker-api/docker-api.ts";
import { contentOf } from "../images/select-manifest.ts";
import { mapSlices, type Slices } from "../sys/pauses.ts";
import type { DiskUse } from "../system/df.ts";

/**
 * What answers looked like before a version of the API. Handlers make the newest; each row that a request is older than changes it
 * back, the newest row first.
 */
type Row = [operation: string, before: number, change: (body: never, engine: Engine) => unknown];

const rows: Row[] = [
  ["GET /images/*name/json", 48, (image: ImageInspect) => without(image, "Descriptor", "Manifests")],
  ["GET /images/json", 48, (images: ImageSummary[]) => images.map((image) => without(image, "Descriptor"))],
  ["GET /images/json", 47, (images: ImageSummary[]) => images.map((image) => without(image, "Manifests"))],
  ["GET /containers/:id/json", 48, (one: ContainerInspect) => without(one, "ImageManifestDescriptor")],
  ["GET /containers/json", 48, (all: ContainerSummary[]) => all.map(withoutManifest)],
  [
    "GET /system/df",
    48,
    (use: DiskUse) => ({
      ...use,
      Images: eachOf(use.Images, (image) => without(image, "Descriptor")),
      Containers: eachOf(use.Containers, withoutManifest),
    }),
  ],
  ["GET /images/*name/json", 45, withContainer],
  ["GET /images/*name/json", 44, withVirtualSize<ImageInspect>],
  ["GET /images/json", 44, (images: ImageSummary[]) => images.map(withVirtualSize)],
  ["GET /system/df", 44, (use: DiskUse) => ({ ...use, Images: eachOf(use.Images, withVirtualSize) })],
];

/**
 * The version whose answers a client can read. docker-compose 1.29 asks for the newest one and then for an image's ContainerConfig,
 * which is gone since 1.45: against a current dockerd it fails when it makes a container again.
 */
export function readableVersion(version: number, userAgent = ""): number {
  return userAgent.startsWith("docker-compose/1.") ? Math.min(version, 44) : version;
}

/** @param operation "GET /images/json", as in the table of routes; @param version minor number of the request's */
export function asOfVersion(operation: string, version: number, body: unknown, engine: Engine): unknown {
  const changes = rows.filter(([name, before]) => name === operation && version < before);
  return changes.reduce((current, [, , change]) => change(current as never, engine), body);
}

function eachOf<T, R>(slices: Slices<T> | null, change: (one: T) => R): Slices<R> | null {
  return slices && mapSlices(slices, (slice) => slice.map(change));
}

function without<T extends object>(answer: T, ...names: (keyof T)[]): T {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => !names.includes(name as keyof T))) as T;
}

const withoutManifest = (container: ContainerSummary) => without(container, "ImageManifestDescriptor");

function withVirtualSize<T extends { Size: number }>(image: T): T & { VirtualSize: number } {
  return { ...image, VirtualSize: image.Size };
}

/**
 * The container that an image was committed from, and its config. docker-compose 1.29 reads the volumes there, and has nothing
 * without it; images from elsewhere were made by no container, so that it is their own config.
 */
function withContainer(image: ImageInspect, engine: Engine): object {
  const { config } = contentOf(engine.images.getImage(image.Id));
  return { ...image, Container: config.container ?? "", ContainerConfig: image.Config };
}
