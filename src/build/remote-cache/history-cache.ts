import type { Digest } from "../../formats/digest.ts";
import type { ImageHistoryEntry } from "../../formats/image-config.ts";
import type { Descriptor } from "../../formats/oci-manifest.ts";
import { presentManifests } from "../../images/select-manifest.ts";
import type { ImageContent } from "../../images/store/kinds.ts";
import type { Plan } from "../graph/plan.ts";
import type { StepHistories } from "../graph/stage.ts";
import type { Step } from "../graph/steps.ts";
import type { BuildRooms } from "../rooms.ts";

/*
 * The history of an image says by which instructions its layers came to be: so it serves as a cache, as it does for Docker's classic
 * builder (`--cache-from` without BuildKit).
 */

/** A layer of an image that a step may have made. */
export interface HistoryLayer {
  diffId: Digest;
  blob: Descriptor;
  /** Milliseconds since the epoch. */
  createdAt?: number;
}

export interface HistoryCache {
  /** @param below chainIDs of what the step stands on, base first */
  find(node: Step, below: readonly string[]): HistoryLayer | undefined;
}

/** @param names of images; one that is not here is passed over, as Docker does. @returns undefined without names */
export function openHistoryCache(
  { images, logger }: Pick<BuildRooms, "images" | "logger">,
  names: readonly string[],
  plans: readonly Pick<Plan, "histories">[],
): HistoryCache | undefined {
  if (names.length === 0) return undefined;
  const found = names.flatMap((name) => {
    const image = images.findImage(name);
    if (!image) logger.warn({ image: name }, "an image that is to serve as a build cache is not here");
    return image ? presentManifests(image).map(({ content }) => content) : [];
  });
  return createHistoryCache(found, new Map(plans.flatMap(({ histories }) => [...histories])));
}

function createHistoryCache(images: readonly ImageContent[], histories: StepHistories): HistoryCache {
  return {
    find(node, below) {
      const known = histories.get(node);
      if (!known || !isTold(node)) return undefined;
      const own = known.history.slice(0, known.length);
      // A base may say less of itself than it has layers.
      if (countLayers(own) !== below.length + 1) return undefined;
      for (const { config, layers, blobs } of images) {
        const [diffId, blob] = [config.rootfs.diff_ids[below.length] as Digest, blobs[below.length]];
        const history = config.history ?? [];
        if (!diffId || !blob || !below.every((chain, at) => layers[at] === chain)) continue;
        if (!own.every((entry, at) => isSame(entry, history[at]))) continue;
        const time = Date.parse(history[own.length - 1]?.created ?? "");
        return { diffId, blob, ...(Number.isFinite(time) && { createdAt: time }) };
      }
      return undefined;
    },
  };
}

/** Whether its instruction in the history says all that it does. Of a copy the content is compared. */
function isTold(node: Step): boolean {
  if (node.kind !== "run") return true;
  const { mounts, isInsecure, network, devices = [] } = node;
  return mounts.length === 0 && devices.length === 0 && !isInsecure && network === "default";
}

const countLayers = (history: readonly ImageHistoryEntry[]) =>
  history.filter(({ empty_layer: isEmpty }) => !isEmpty).length;

function isSame(one: ImageHistoryEntry, other: ImageHistoryEntry | undefined): boolean {
  const isEmpty = (entry: ImageHistoryEntry) => entry.empty_layer === true;
  return other !== undefined && one.created_by === other.created_by && isEmpty(one) === isEmpty(other);
}
