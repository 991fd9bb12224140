import type { Containers } from "../containers/containers.ts";
import { imageUsers } from "../containers/images-in-use.ts";
import type { GarbagePolicy } from "../images/garbage-policy.ts";

const intervalMilliseconds = 60_000;
const dayMilliseconds = 24 * 3600 * 1000;

/** Removes unused images by the policy, once a minute while there is one, and once a day what has come of abandoned downloads. */
export interface ImageGarbage {
  /** Takes the policy over, and looks at once. */
  follow(policy: GarbagePolicy | undefined): void;
  close(): void;
}

export function startImageGarbage(containers: Containers, initial: GarbagePolicy | undefined): ImageGarbage {
  const { images, logger } = containers;
  let timer: NodeJS.Timeout | undefined;
  const daily = setInterval(() => {
    try {
      const bytes = images.sweepPartials();
      if (bytes > 0) logger.info({ bytes }, "abandoned downloads removed");
    } catch (error) {
      logger.error({ error }, "abandoned downloads could not be removed");
    }
  }, dayMilliseconds).unref();

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
    close() {
      clearInterval(timer);
      clearInterval(daily);
    },
  };
  garbage.follow(initial);
  return garbage;
}
