import type { ContainerConfig } from "../../formats/docker-api/docker-api.ts";
import { configShape } from "../../formats/docker-api/docker-api-config.ts";
import { mergeConfig } from "../../formats/merge-config.ts";
import { formatFamiliar, parseReference, withDefaultTag } from "../../formats/reference.ts";
import { decode } from "../../formats/shape.ts";
import { applyChanges } from "../../images/changes.ts";
import type { ImageRecord } from "../../images/images.ts";
import { type Containers, getContainer, publish } from "../containers.ts";
import { findManifestOf } from "../image-of.ts";
import { whileFrozen } from "../lifecycle/pause.ts";
import { upperOf } from "../rootfs.ts";

export interface CommitContainerOptions {
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
  options: CommitContainerOptions,
): Promise<ImageRecord> {
  const container = getContainer(containers, reference);
  const { record } = container;
  const config = commitConfig(record.config, options);
  // First, for its errors.
  const imageRef = options.repository ? nameOf(options.repository, options.tag) : "";
  const work = () => containers.metrics.containerActions.time("commit", commit);
  const commit = async () => {
    const parent = containers.images.findImage(record.imageId);
    const manifest = findManifestOf(containers, record);
    const image = await containers.images.commit({
      // Of an image that was removed the layers are still there.
      ...(parent && manifest ? { parent, manifest } : { heldBy: record.id }),
      upperDirectory: upperOf(containers, record.id),
      config,
      author: options.author,
      comment: options.comment,
      createdBy: record.args.join(" "),
      containerId: record.id,
      ...(options.repository && { repository: options.repository }),
      ...(options.tag && { tag: options.tag }),
    });
    publish(containers, container, "commit", { comment: options.comment, imageID: image.id, imageRef });
    return image;
  };
  if (!options.pause || !record.state.Running || record.state.Paused || record.state.Restarting)
    return work();
  let isAnnounced = false;
  try {
    return await whileFrozen(containers, container, () => {
      publish(containers, container, "pause");
      isAnnounced = true;
      return work();
    });
  } finally {
    // Also when it has failed: health checks wait for it.
    if (isAnnounced && !container.isGone) publish(containers, container, "unpause");
  }
}

/** As the event names the new image. */
function nameOf(repository: string, tag: string): string {
  return formatFamiliar(withDefaultTag(parseReference(tag ? `${repository}:${tag}` : repository)));
}

/** The client's config where it says something, the container's elsewhere; a container's own name is not the image's. */
function commitConfig(own: ContainerConfig, { config, changes }: CommitContainerOptions): ContainerConfig {
  const isGiven = Object.keys(config).length > 0;
  const changed = applyChanges(isGiven ? config : own, changes);
  const merged = mergeConfig(decode(configShape, changed), own);
  return { ...merged, Hostname: "", Domainname: "" };
}
