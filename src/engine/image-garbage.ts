import type { Containers } from "../containers/containers.ts";
import { imageUsers } from "../containers/images-in-use.ts";
import type { GarbagePolicy } from "../images/garbage-policy.ts";

const intervalMilliseconds = 60_000;

/** Removes unused images by the policy, once a minute while there is one. */
export interface ImageGarbage {
  /** Takes the policy over, and looks at once. */
  follow(policy: GarbagePolicy | undefined): void;
  close(): void;
}

export function startImageGarbage(containers: Containers, initial: GarbagePolicy | undefined): ImageGarbage {
  const { images, logger } = containers;
  let timer: NodeJS.Timeout | undefined;

  async function collect(policy: GarbagePolicy): Promise<void> {
    try {
      const gone = await images.collectGarbage(policy, imageUsers(containers));
      if (gone.length > 0) logger.info({ images: gone }, "unused images removed");
    } catch (error) {
      logger.error({ error }, "unused images could not be removed");
    }
  }

  const garbage: ImageGarbage = {
    follow(policy) {
      clearInterval(timer);
      if (!policy) return;
      timer = setInterval(() => void collect(policy), intervalMilliseconds).unref();
      void collect(policy);
    },
    close: () => clearInterval(timer),
  };
  garbage.follow(initial);
  return garbage;
}
