import type { ContainerConfig } from "../formats/docker-api.ts";
import type { ImageRecord } from "../images/images.ts";
import { type Containers, getContainer, publish } from "./containers.ts";
import { upperOf } from "./rootfs.ts";
import { whileFrozen } from "./stop.ts";

export interface CommitOptions {
  /** Replaces the container's own config field by field. */
  config: Partial<ContainerConfig>;
  author: string;
  comment: string;
  /** Stands still while its files are read. */
  pause: boolean;
  changes: string[];
  repository: string;
  tag: string;
}

/** Makes an image of a container's files and config. @throws EngineError notFound, invalid */
export async function commitContainer(
  containers: Containers,
  reference: string,
  options: CommitOptions,
): Promise<ImageRecord> {
  const container = getContainer(containers, reference);
  const { record } = container;
  const pause = options.pause && record.state.Running && !record.state.Paused && !record.state.Restarting;
  const commit = () => {
    const parent = containers.images.findImage(record.imageId);
    return containers.images.commit({
      ...(parent && { parent }),
      upperDirectory: upperOf(containers, record.id),
      config: { ...withoutHostname(record.config), ...options.config },
      author: options.author,
      comment: options.comment,
      createdBy: record.args.join(" "),
      containerId: record.id,
      ...(options.repository && { repository: options.repository }),
      ...(options.tag && { tag: options.tag }),
      changes: options.changes,
    });
  };
  const image = await (pause ? whileFrozen(containers, container, commit) : commit());
  publish(containers, container, "commit", { comment: options.comment, imageID: image.id });
  return image;
}

/** A container's own name is not the image's. */
function withoutHostname(config: ContainerConfig): Partial<ContainerConfig> {
  return { ...config, Hostname: "", Domainname: "" };
}
