import type { ImageUser } from "../images/images.ts";
import type { Containers } from "./containers.ts";

/** Which containers use which images, for refusing to remove those. */
export function imageUsers(containers: Containers): ImageUser[] {
  return [...containers.byId.values()].map(({ record }) => ({
    containerId: record.id,
    imageId: record.imageId,
    imageName: record.config.Image,
    running: record.state.Running,
  }));
}
